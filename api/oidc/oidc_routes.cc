#include "api/oidc/oidc.h"
#include "api/oidc/oidc_wire.h"

namespace claviger::api {

std::vector<Route> OidcRoutes(Oidc& oidc) {
  return {
      // A login is recorded as a failure until it has succeeded.
      {.method = http::Method::kPost,
       .pattern = "/v1/auth/google",
       .operation_id = "googleAuth",
       .auth = AuthKind::kNone,
       .action = "auth.failure",
       .handler = [&oidc](Context& context) -> Result<http::Response> {
         TRY(const auto id_token, DecodeIdTokenLogin(context.request.body));
         TRY(const auto answer, oidc.Login(id_token, context.audit));
         return LoginResponse(answer);
       }},
  };
}

}  // namespace claviger::api
