#pragma once
// The page at which a person enters the code of a mail: /verify-email.
//
// The mail has the page's address and, beside it, the code. They are not one link: a code in an address would
// stay in the browser's history and in the logs of every proxy and mail scanner that opens links on the way.
// The person copies it into a form, which carries it in its body, once. Opening the page changes nothing,
// however often it is opened. Nobody is signed in by it: a browser may be anybody's.

#include <vector>

#include "api/routes.h"
#include "api/signup/signup.h"

namespace claviger::api {

class SignupPages {
 public:
  // `url`: where people reach the installation.
  SignupPages(Signups& signups, std::string url, Random& random)
      : signups_(signups), url_(std::move(url)), random_(random) {}

  Result<http::Response> Show(Context& context);
  Result<http::Response> Verify(Context& context);

 private:
  Signups& signups_;
  const std::string url_;
  Random& random_;
};

// verifyEmailPage, verifyEmailAtPage. `pages` must outlive the table.
std::vector<Route> SignupPageRoutes(SignupPages& pages);

}  // namespace claviger::api
