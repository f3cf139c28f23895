#include <nlohmann/json.hpp>

#include "api/signup/signup.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

Result<Response> Ask(Signups& signups, Context& context) {
  TRY(const auto request, DecodeSignup(context.request.body));
  TRYV(signups.Ask(request, context.request.client, context.audit));
  return Response::Json(200, DumpJson(EncodeSignupAsked(request.email, signups.invited_only())));
}

Result<Response> VerifyEmail(Signups& signups, Context& context) {
  TRY(const auto token, DecodeVerifyEmail(context.request.body));
  TRY(const auto verified, signups.Verify(token.Text(), context.request.client.Group(), context.audit));
  return Response::Json(200, DumpJson(EncodeAccessToken(verified.first_token)));
}

}  // namespace

Handler SignupByMail(Signups& signups) {
  return [&signups](Context& context) { return Ask(signups, context); };
}

std::vector<Route> SignupRoutes(Signups& signups) {
  return {
      {.method = Method::kPost,
       .pattern = "/v1/auth/verify-email",
       .operation_id = "verifyEmail",
       .auth = AuthKind::kNone,
       .action = "auth.verify_email",
       .handler = [&signups](Context& context) { return VerifyEmail(signups, context); }},
  };
}

}  // namespace claviger::api
