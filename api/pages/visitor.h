#pragma once
// The browser that looks at a page, and whether it was our own page that sent a form.
//
// A browser has one cookie: `__Host-claviger`, an opaque credential, sent back over TLS to this host alone,
// never to scripts and never with a request that another site began. Every form carries an HMAC under it, so
// that only a page shown to this browser can send one: also the form that signs in, or a stranger could sign
// the browser in to an account of their own. Signing in changes the cookie.

#include <optional>
#include <string>

#include "api/http/message.h"
#include "api/pages/form.h"
#include "api/routes.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret_bytes.h"

namespace claviger::api::pages {

inline constexpr std::string_view kFormTokenField = "form_token";

// nullopt without the cookie, with two of them, and if its value is not of the form that we give out.
std::optional<SecretBytes> CookieOf(const http::Request& request);
SecretBytes NewCookie(Random& random);
void SetCookie(http::Response& response, const SecretBytes& cookie);
void ClearCookie(http::Response& response);

// What the forms of pages for this browser carry in kFormTokenField.
std::string FormToken(const SecretBytes& cookie);

// The cookie, if one of our pages sent this form from this browser; else kForbidden. Browsers that say from
// where a request comes (Sec-Fetch-Site, Origin) are held to it besides.
Result<SecretBytes> CheckSender(const http::Request& request, const Form& form);

// The form of a request, from the browser to which one of our pages showed it.
struct Visit {
  Form form;
  SecretBytes cookie;
};
// As Form::Parse and CheckSender; the record tells why a sender was refused.
Result<Visit> Enter(Context& context);

}  // namespace claviger::api::pages
