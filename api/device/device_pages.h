#pragma once
// The pages at which a person decides about a device login: /device, and /cli/verify, which shipped command
// lines open by themselves.
//
// One way through them: sign in with password and second factor; type the code, or look at the one that came
// with the link; see what asks, from where and since when; say that the device shows this very code; approve
// or deny. The sign-in is spent by the decision. A link can fill in the code and nothing else: no page acts
// on a GET, and none sends the browser to a place that a request names.

#include <string_view>
#include <vector>

#include "api/auth/auth.h"
#include "api/device/device.h"
#include "api/ip_rules/ip_gate.h"
#include "api/mfa/mfa.h"
#include "api/pages/sessions.h"
#include "api/routes.h"

namespace claviger::api {

class DevicePages {
 public:
  struct Parts {
    Auth& auth;
    Mfa& mfa;
    Device& device;
    pages::Sessions& sessions;
    IpGate& ip_gate;
    const Clock& clock;
    Random& random;
  };
  explicit DevicePages(const Parts& parts) : parts_(parts) {}

  // The route's `admit` of SignIn: a login has its price before a hash is computed.
  Result<Permit> AdmitSignIn(Context& context);
  Result<http::Response> Show(Context& context);
  Result<http::Response> SignIn(Context& context);
  Result<http::Response> SecondFactor(Context& context);
  Result<http::Response> Check(Context& context);
  Result<http::Response> Decide(Context& context);

 private:
  Result<http::Response> SignedIn(const AccessToken& token, std::string_view user_code);
  // kForbidden if the IP rules of the person's organisation keep this client out.
  Status CheckAddress(const pages::Session& session, Context& context);

  const Parts parts_;
};

// devicePage, cliVerifyPage, deviceSignIn, deviceSecondFactor, deviceCheck, deviceDecision. `pages` must
// outlive the table.
std::vector<Route> DevicePageRoutes(DevicePages& pages);

}  // namespace claviger::api
