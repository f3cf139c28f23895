#include "api/signup/signup_views.h"

#include "api/pages/page.h"

namespace claviger::api::signup_views {

using pages::Fill;
using pages::Page;

// What was typed is not shown again: it may be the code of an account.
http::Response EnterCode(std::string_view form_token, int status, std::string_view problem) {
  return Page(
      status, "Confirm your e-mail address",
      Fill("{}<p>Did you ask for an account here? Then enter the code that you were mailed.</p>\n"
           "<p>If you did not ask, do not confirm: whoever asked also chose the password.</p>\n"
           "<form method=\"post\" action=\"/verify-email\">\n"
           "{}"
           "<label for=\"code\">Code in the mail</label>\n"
           "<p class=\"hint\" id=\"code-hint\">It begins with vfy_ and is long: copy and paste it.</p>\n"
           "<input id=\"code\" name=\"code\" autocomplete=\"one-time-code\" "
           "aria-describedby=\"code-hint\" autocapitalize=\"off\" spellcheck=\"false\" required "
           "maxlength=\"256\" autofocus>\n"
           "<button type=\"submit\">Confirm</button>\n"
           "</form>\n",
           {pages::Problem(problem), pages::FormTokenInput(form_token)}));
}

http::Response Ready(std::string_view email, std::string_view url) {
  return Page(200, "Your account is ready",
              Fill("<p role=\"status\">The address {} is confirmed. You can close this page.</p>\n"
                   "<p>To log in, run on your own machine:</p>\n"
                   "<p><code>claviger --url {} login</code></p>\n",
                   {email, url}));
}

}  // namespace claviger::api::signup_views
