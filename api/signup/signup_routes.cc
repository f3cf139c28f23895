#include <nlohmann/json.hpp>

#include "api/signup/signup.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

Result<Response> Ask(Signups& signups, Context& context) {
  TRY(const auto request, DecodeSignup(context.request.body));
  TRYV(signups.Ask(request, context.request.client, context.audit));
  return Response::Json(200, DumpJson(EncodeSignupAsked(request.email)));
}

Result<Response> VerifyEmail(Signups& signups, Context& context) {
  TRY(const auto token, DecodeVerifyEmail(context.request.body));
  TRY(const auto first_token, signups.Verify(token, context.audit));
  return Response::Json(200, DumpJson(EncodeAccessToken(first_token)));
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
