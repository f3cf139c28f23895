#include <nlohmann/json.hpp>

#include "api/auth/auth.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

Result<Permit> AdmitSignup(Auth& auth, Context& context) {
  TRY(const auto request, DecodeSignup(context.request.body));
  return auth.AdmitSignup(request, context.request.client.Group(), context.audit);
}

Result<Permit> AdmitLogin(Auth& auth, Context& context) {
  TRY(const auto request, DecodeLogin(context.request.body));
  return auth.AdmitLogin(request, context.request.client.Group(), context.audit);
}

Result<Permit> AdmitPasswordChange(Auth& auth, Context& context) {
  TRY(const auto request, DecodeChangePassword(context.request.body));
  return auth.AdmitPasswordChange(context.principal, request, context.request.client.Group(), context.audit);
}

Result<Response> Signup(Auth& auth, Context& context) {
  TRY(const auto request, DecodeSignup(context.request.body));
  TRY(const auto token, auth.Signup(request, context.permit, context.audit));
  return Response::Json(200, DumpJson(EncodeSignedUp(token, request.email)));
}

Result<Response> Login(Auth& auth, Context& context) {
  TRY(const auto request, DecodeLogin(context.request.body));
  TRY(const auto answer, auth.Login(request, context.permit, context.audit));
  return LoginResponse(answer);
}

Result<Response> RevokeToken(Auth& auth, Context& context) {
  TRYV(auth.Revoke(context.principal, context.audit));
  return Response::NoContent();
}

Result<Response> RefreshToken(Auth&, Context&) { return Invalid("Refresh tokens not yet implemented"); }

Result<Response> ChangePassword(Auth& auth, Context& context) {
  TRY(const auto request, DecodeChangePassword(context.request.body));
  TRYV(auth.ChangePassword(context.principal, request, context.permit, context.audit));
  return Response::Json(200, DumpJson({{"message", "Password changed successfully"}}));
}

Result<Response> GetMe(Auth& auth, Context& context) {
  context.audit.SetResource("user", FormatUuid(context.principal.id));
  TRY(const auto profile, auth.GetMe(context.principal));
  return Response::Json(200, DumpJson(EncodeProfile(profile)));
}

Result<Response> UpdateMe(Auth& auth, Context& context) {
  TRY(const auto request, DecodeUpdateMe(context.request.body));
  TRY(const auto profile, auth.UpdateMe(context.principal, request, context.audit));
  return Response::Json(200, DumpJson(EncodeProfile(profile)));
}

Result<Response> DeleteMe(Auth& auth, Context& context) {
  TRYV(DecodeDeleteMe(context.request.body));
  TRYV(auth.DeleteMe(context.principal, context.audit));
  return Response::NoContent();
}

Handler Published(const InstallationKeys& keys, std::string KeyDocuments::*document) {
  return [&keys, document](Context&) -> Result<Response> {
    return Response::Json(200, *keys.Documents().*document);
  };
}

}  // namespace

Response LoginResponse(const LoginAnswer& answer) {
  if (const auto* challenge = std::get_if<MfaChallenge>(&answer)) {
    return Response::Json(200, std::string(EncodeMfaChallenge(*challenge).Text()));
  }
  return Response::Json(200, DumpJson(EncodeAccessToken(std::get<AccessToken>(answer))));
}

std::vector<Route> AuthRoutes(Auth& auth, const InstallationKeys& keys) {
  const auto bind = [&auth](auto* step) {
    return [&auth, step](Context& context) { return step(auth, context); };
  };
  return {
      {.method = Method::kPost,
       .pattern = "/v1/auth/signup",
       .operation_id = "signup",
       .auth = AuthKind::kNone,
       .action = "auth.signup",
       .runs_on = RunsOn::kHashers,
       .handler = bind(Signup),
       .admit = bind(AdmitSignup)},
      // A login is recorded as a failure until it has succeeded.
      {.method = Method::kPost,
       .pattern = "/v1/auth/token",
       .operation_id = "login",
       .auth = AuthKind::kNone,
       .action = "auth.failure",
       .runs_on = RunsOn::kHashers,
       .handler = bind(Login),
       .admit = bind(AdmitLogin)},
      {.method = Method::kDelete,
       .pattern = "/v1/auth/token",
       .operation_id = "revokeToken",
       .action = "auth.revoke",
       .handler = bind(RevokeToken),
       .for_auditors = true},
      {.method = Method::kPost,
       .pattern = "/v1/auth/refresh",
       .operation_id = "refreshToken",
       .auth = AuthKind::kNone,
       .runs_on = RunsOn::kIoThread,
       .handler = bind(RefreshToken)},
      {.method = Method::kPost,
       .pattern = "/v1/auth/change-password",
       .operation_id = "changePassword",
       .auth = AuthKind::kUser,
       .action = "auth.password_change",
       .runs_on = RunsOn::kHashers,
       .handler = bind(ChangePassword),
       .admit = bind(AdmitPasswordChange),
       .for_auditors = true},
      {.method = Method::kGet,
       .pattern = "/v1/auth/me",
       .operation_id = "getMe",
       .auth = AuthKind::kUser,
       .action = "user.read",
       .handler = bind(GetMe),
       .for_auditors = true},
      {.method = Method::kPatch,
       .pattern = "/v1/auth/me",
       .operation_id = "updateMe",
       .auth = AuthKind::kUser,
       .action = "user.update",
       .handler = bind(UpdateMe),
       .for_auditors = true},
      {.method = Method::kDelete,
       .pattern = "/v1/auth/me",
       .operation_id = "deleteMe",
       .auth = AuthKind::kUser,
       .action = "user.delete",
       .handler = bind(DeleteMe),
       .for_auditors = true},
      {.method = Method::kGet,
       .pattern = "/v1/auth/jwt-public-key",
       .operation_id = "getJwtPublicKey",
       .auth = AuthKind::kNone,
       .runs_on = RunsOn::kIoThread,
       .handler = Published(keys, &KeyDocuments::signing)},
      {.method = Method::kGet,
       .pattern = "/v1/.well-known/jwks.json",
       .operation_id = "getTokenKeySet",
       .auth = AuthKind::kNone,
       .runs_on = RunsOn::kIoThread,
       .handler = Published(keys, &KeyDocuments::jwks)},
      {.method = Method::kGet,
       .pattern = "/.well-known/jwks.json",
       .operation_id = "getTokenKeySetAtRoot",
       .auth = AuthKind::kNone,
       .runs_on = RunsOn::kIoThread,
       .handler = Published(keys, &KeyDocuments::jwks)},
  };
}

}  // namespace claviger::api
