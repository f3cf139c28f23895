#include "api/device/device_pages.h"

#include "api/device/device_views.h"
#include "api/device/user_code.h"
#include "api/pages/page.h"

namespace claviger::api {
namespace {

using device_views::Frame;
using http::Method;
using http::Response;

constexpr int kRefused = 403;
constexpr pages::Template kBeginAgain = "<p><a href=\"/device\">Begin again</a></p>\n";
constexpr std::string_view kUnknownCode =
    "No login waits under this code. Look at it again, or begin anew on the device.";
constexpr std::string_view kDecidedCode = "This login is decided already. Begin anew on the device.";
constexpr std::string_view kNotSignedIn = "You are not signed in, or not any more. Sign in again.";

// What a link or a form says of the code, if it is one.
std::string CodeIn(std::string_view text) { return NormalizeUserCode(text).value_or(""); }

bool IsUnauthenticated(const Error& error) { return error.kind == ErrorKind::kUnauthenticated; }

// What the person can mend themselves, in place of an error: the code.
std::optional<std::string_view> ProblemWithCode(const Error& error) {
  if (error.kind == ErrorKind::kNotFound) return kUnknownCode;
  if (error.kind == ErrorKind::kInvalid) return kDecidedCode;
  return std::nullopt;
}

LoginRequest LoginOf(const pages::Form& form) {
  LoginRequest request;
  if (auto email = NormalizeEmail(form.Text("email"))) request.email = std::move(email).value();
  request.password = SecretBytes(form.Text("password"));
  return request;
}

}  // namespace

Result<Response> DevicePages::Show(Context& context) {
  const std::string code = CodeIn(context.request.Query("code").value_or(""));
  auto cookie = pages::CookieOf(context.request);
  TRY(const auto session, parts_.sessions.Find(cookie));
  const bool is_new = !cookie;
  if (is_new) cookie = pages::NewCookie(parts_.random);
  const std::string form_token = pages::FormToken(*cookie);
  const Frame frame{form_token, code};
  Response page = session ? device_views::EnterCode(frame, session->email) : device_views::SignIn(frame);
  if (is_new) pages::SetCookie(page, *cookie);
  return page;
}

Result<Permit> DevicePages::AdmitSignIn(Context& context) {
  TRY(const auto visit, pages::Enter(context));
  return parts_.auth.AdmitLogin(LoginOf(visit.form), context.request.client.Group(), context.audit);
}

Result<Response> DevicePages::SignIn(Context& context) {
  TRY(const auto visit, pages::Enter(context));
  const std::string code = CodeIn(visit.form.Text("user_code"));
  const std::string form_token = pages::FormToken(visit.cookie);
  auto answer = parts_.auth.Login(LoginOf(visit.form), context.permit, context.audit);
  if (!answer && IsUnauthenticated(answer.error())) {
    return device_views::SignIn({form_token, code, kRefused, "Wrong e-mail address or password."},
                                visit.form.Text("email"));
  }
  TRYV(answer);
  if (const auto* challenge = std::get_if<MfaChallenge>(&answer.value())) {
    return device_views::SecondFactor({form_token, code}, challenge->token.Text());
  }
  return SignedIn(std::get<AccessToken>(answer.value()), code);
}

Result<Response> DevicePages::SecondFactor(Context& context) {
  TRY(const auto visit, pages::Enter(context));
  const std::string code = CodeIn(visit.form.Text("user_code"));
  const std::string form_token = pages::FormToken(visit.cookie);
  const MfaVerifyRequest request{SecretBytes(visit.form.Text("mfa_token")),
                                 SecretBytes(visit.form.Text("code"))};
  const auto token = parts_.mfa.Verify(request, context.request.client.Group(), context.audit);
  if (!token && IsUnauthenticated(token.error())) {
    if (token.error().detail == Mfa::kInvalidCode) {
      return device_views::SecondFactor(
          {form_token, code, kRefused, "Wrong code, or one that was used before."}, request.mfa_token.Text());
    }
    return device_views::SignIn({form_token, code, kRefused,
                                 "The sign-in took too long, or too many codes were tried. Begin again."});
  }
  TRYV(token);
  return SignedIn(token.value(), code);
}

Result<Response> DevicePages::SignedIn(const AccessToken& token, std::string_view user_code) {
  TRY(const auto cookie, parts_.sessions.Open(token));
  std::string place = "/device";
  if (!user_code.empty()) place.append("?code=").append(user_code);
  Response response{303, "", "", {{"Location", std::move(place)}}};
  pages::SetCookie(response, cookie);
  return response;
}

Status DevicePages::CheckAddress(const pages::Session& session, Context& context) {
  TRY(const bool admitted, parts_.ip_gate.Admits(session.principal, context.request.client));
  if (admitted) return Ok();
  context.audit.AddDetail("reason", "ip_rule");
  return Forbidden("Requests from this address are not allowed");
}

Result<Response> DevicePages::Check(Context& context) {
  TRY(auto visit, pages::Enter(context));
  const std::string form_token = pages::FormToken(visit.cookie);
  const std::string_view typed = visit.form.Text("user_code");
  TRY(const auto session, parts_.sessions.Find(visit.cookie.Clone()));
  if (!session) return device_views::SignIn({form_token, CodeIn(typed), kRefused, kNotSignedIn});
  context.audit.SetActor(session->principal);
  TRYV(CheckAddress(*session, context));
  const auto asking = parts_.device.Look({typed, context.request.client.Group()}, context.audit);
  if (!asking) {
    const auto problem = ProblemWithCode(asking.error());
    if (!problem) return asking.as_failure();
    return device_views::EnterCode({form_token, typed, 404, *problem}, session->email);
  }
  if (asking.value().what.state != DeviceState::kPending) {
    return device_views::EnterCode({form_token, typed, 400, kDecidedCode}, session->email);
  }
  return device_views::Confirm({form_token, asking.value().user_code}, session->email, asking.value().what);
}

Result<Response> DevicePages::Decide(Context& context) {
  const Time asked_at = parts_.clock.Now();  // before the session is read
  TRY(auto visit, pages::Enter(context));
  const std::string form_token = pages::FormToken(visit.cookie);
  const std::string code = CodeIn(visit.form.Text("user_code"));
  TRY(const auto session, parts_.sessions.Find(visit.cookie.Clone()));
  if (!session) return device_views::SignIn({form_token, code, kRefused, kNotSignedIn});
  context.audit.SetActor(session->principal);
  TRYV(CheckAddress(*session, context));
  const bool approves = visit.form.Text("decision") == "approve";
  if (!approves && visit.form.Text("decision") != "deny") return Invalid("The form has no decision");
  context.audit.SetAction(approves ? "device.approve" : "device.deny");
  if (approves && visit.form.Text("matches") != "yes") {
    TRY(const auto asking, parts_.device.Look({code, context.request.client.Group()}, context.audit));
    return device_views::Confirm({form_token, code, 400, "Say whether your device shows exactly this code."},
                                 session->email, asking.what);
  }
  const Device::Decision decision{approves ? DeviceState::kApproved : DeviceState::kDenied, &*session};
  const auto decided = parts_.device.Decide(session->principal, {code, context.request.client.Group()},
                                            decision, asked_at, context.audit);
  if (!decided) {
    if (IsUnauthenticated(decided.error())) {
      return device_views::SignIn({form_token, code, kRefused, kNotSignedIn});
    }
    const auto problem = ProblemWithCode(decided.error());
    if (!problem) return decided.as_failure();
    return device_views::EnterCode({form_token, code, 400, *problem}, session->email);
  }
  Response page = device_views::Decided(decided.value());
  pages::ClearCookie(page);
  return page;
}

std::vector<Route> DevicePageRoutes(DevicePages& pages) {
  const auto bind = [&pages](Result<Response> (DevicePages::*step)(Context&)) {
    return [&pages, step](Context& context) { return (pages.*step)(context); };
  };
  const auto shown_at = [&](const char* pattern, const char* operation) {
    return Route{.method = Method::kGet,
                 .pattern = pattern,
                 .operation_id = operation,
                 .auth = AuthKind::kNone,
                 .handler = bind(&DevicePages::Show),
                 .refusal = pages::RefusalWith(kBeginAgain)};
  };
  const auto sent_to = [&](const char* pattern, const char* operation, const char* action, RunsOn runs_on,
                           Result<Response> (DevicePages::*step)(Context&)) {
    return Route{.method = Method::kPost,
                 .pattern = pattern,
                 .operation_id = operation,
                 .auth = AuthKind::kNone,
                 .action = action,
                 .runs_on = runs_on,
                 .max_body = pages::kMaxFormBytes,
                 .handler = bind(step),
                 .refusal = pages::RefusalWith(kBeginAgain)};
  };
  // As with a login: a failure until it has succeeded.
  Route sign_in =
      sent_to("/device/sign-in", "deviceSignIn", "auth.failure", RunsOn::kHashers, &DevicePages::SignIn);
  sign_in.admit = [&pages](Context& context) { return pages.AdmitSignIn(context); };
  return {
      shown_at("/device", "devicePage"),
      shown_at("/cli/verify", "cliVerifyPage"),
      std::move(sign_in),
      sent_to("/device/second-factor", "deviceSecondFactor", "auth.failure", RunsOn::kWorkers,
              &DevicePages::SecondFactor),
      sent_to("/device/check", "deviceCheck", "device.read", RunsOn::kWorkers, &DevicePages::Check),
      sent_to("/device/decision", "deviceDecision", "device.decide", RunsOn::kWorkers, &DevicePages::Decide),
  };
}

}  // namespace claviger::api
