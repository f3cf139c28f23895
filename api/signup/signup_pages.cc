#include "api/signup/signup_pages.h"

#include "api/pages/page.h"
#include "api/pages/visitor.h"
#include "api/signup/signup_views.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

constexpr const char* kPath = "/verify-email";
constexpr pages::Template kBeginAgain = "<p><a href=\"/verify-email\">Begin again</a></p>\n";
constexpr int kRefused = 400;
constexpr std::string_view kDeadCode =
    "This code is unknown, used or expired. Take the one of the newest mail, or sign up again.";

}  // namespace

Result<Response> SignupPages::Show(Context& context) {
  auto cookie = pages::CookieOf(context.request);
  const bool is_new = !cookie;
  if (is_new) cookie = pages::NewCookie(random_);
  Response page = signup_views::EnterCode(pages::FormToken(*cookie));
  if (is_new) pages::SetCookie(page, *cookie);
  return page;
}

Result<Response> SignupPages::Verify(Context& context) {
  TRY(const auto visit, pages::Enter(context));
  const std::string_view code = pages::TrimSpaces(visit.form.Text("code"));
  const auto verified = signups_.Verify(code, context.request.client.Group(), context.audit);
  if (!verified && verified.error().kind == ErrorKind::kInvalid) {
    return signup_views::EnterCode(pages::FormToken(visit.cookie), kRefused, kDeadCode);
  }
  TRYV(verified);
  return signup_views::Ready(verified.value().email, url_);
}

std::vector<Route> SignupPageRoutes(SignupPages& pages) {
  return {
      {.method = Method::kGet,
       .pattern = kPath,
       .operation_id = "verifyEmailPage",
       .auth = AuthKind::kNone,
       .handler = [&pages](Context& context) { return pages.Show(context); },
       .refusal = pages::RefusalWith(kBeginAgain)},
      {.method = Method::kPost,
       .pattern = kPath,
       .operation_id = "verifyEmailAtPage",
       .auth = AuthKind::kNone,
       .action = "auth.verify_email",
       .max_body = pages::kMaxFormBytes,
       .handler = [&pages](Context& context) { return pages.Verify(context); },
       .refusal = pages::RefusalWith(kBeginAgain)},
  };
}

}  // namespace claviger::api
