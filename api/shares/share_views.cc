#include "api/shares/share_views.h"

#include "api/http/problem.h"
#include "api/pages/page.h"

namespace claviger::api::share_views {
namespace {

using pages::Fill;
using pages::Html;
using pages::Page;

Html PassphraseField(bool wanted) {
  if (!wanted) return {};
  return Fill(
      "<label for=\"passphrase\">Passphrase</label>\n"
      "<p class=\"hint\" id=\"passphrase-hint\">Whoever sent you the link knows it.</p>\n"
      "<input id=\"passphrase\" name=\"passphrase\" type=\"password\" autocomplete=\"off\" "
      "aria-describedby=\"passphrase-hint\" required maxlength=\"1024\" autofocus>\n",
      {});
}

std::string Remaining(uint32_t accesses) {
  if (accesses == 0) return "";
  return accesses == 1 ? "It can be shown once, and then never again."
                       : "It can be shown " + std::to_string(accesses) + " times more.";
}

}  // namespace

// The form goes to the page's own address: no other names the share.
http::Response Offer(const Frame& frame, const ShareOpener::Look& look) {
  return Page(frame.status, "A secret is shared with you",
              Fill("{}<p>Nothing is shown before you press the button. {}</p>\n"
                   "<p>Make sure that nobody looks over your shoulder.</p>\n"
                   "<form method=\"post\">\n"
                   "<input type=\"hidden\" name=\"form_token\" value=\"{}\">\n"
                   "{}"
                   "<button type=\"submit\">Show the secret</button>\n"
                   "</form>\n",
                   {pages::Problem(frame.problem), Remaining(look.accesses_left), frame.form_token,
                    PassphraseField(look.needs_passphrase)}));
}

// The first line end after the tag is the markup's, as browsers have it.
http::Response Value(const SharedSecret& secret) {
  return Page(200, "The secret",
              Fill("<dl>\n<dt>Name</dt>\n<dd>{}</dd>\n<dt>Kind</dt>\n<dd>{}</dd>\n</dl>\n"
                   "<pre class=\"value\" tabindex=\"0\" aria-label=\"Value\">\n{}</pre>\n"
                   "{}"
                   "<p role=\"status\">Copy it now: when you leave this page, it is gone from here.</p>\n",
                   {secret.path, secret.type, secret.value.Text(),
                    secret.encoding == "base64"
                        ? Fill("<p>This is the Base64 form of a value that is not text.</p>\n", {})
                        : Html()}));
}

http::Response Addressed() {
  return Page(
      200, "This secret is for somebody in particular",
      Fill("<p>It opens for the person or the program that it is shared with, and not in a browser. "
           "If that is you, log in with the command line and open it there:</p>\n"
           "<pre>\nclaviger share list --inbound\nclaviger share accept ID\nclaviger share open ID</pre>\n",
           {}));
}

http::Response Refusal(const Error& error) {
  const http::Response problem = http::Problem(error);
  http::Response page = pages::Page(
      problem.status, "This link shows nothing",
      pages::Fill("{}<p>Ask whoever sent it to you.</p>\n", {pages::Problem(error.detail + ".")}));
  for (const auto& header : problem.headers) {
    if (header.first == "Retry-After") page.headers.push_back(header);
  }
  return page;
}

}  // namespace claviger::api::share_views
