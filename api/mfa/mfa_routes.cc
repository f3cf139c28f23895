#include <nlohmann/json.hpp>

#include "api/mfa/mfa.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

Response Answer(const SecretBytes& json) { return Response::Json(200, std::string(json.Text())); }

Result<Response> ReadStatus(Mfa& mfa, Context& context) {
  context.audit.SetResource("user", FormatUuid(context.principal.id));
  TRY(const bool enabled, mfa.Enabled({context.principal.org, UserId{context.principal.id}}));
  return Response::Json(200, DumpJson(EncodeMfaStatus(enabled)));
}

Result<Response> Setup(Mfa& mfa, Context& context) {
  TRY(const auto setup, mfa.Setup(context.principal, context.audit));
  return Answer(EncodeMfaSetup(setup));
}

Result<Response> VerifySetup(Mfa& mfa, Context& context) {
  TRY(const auto code, DecodeMfaVerifySetup(context.request.body));
  TRY(const auto recovery_codes, mfa.VerifySetup(context.principal, code, context.audit));
  return Answer(EncodeRecoveryCodes(recovery_codes));
}

Result<Response> Verify(Mfa& mfa, Context& context) {
  TRY(const auto request, DecodeMfaVerify(context.request.body));
  TRY(const auto token, mfa.Verify(request, context.request.client.Group(), context.audit));
  return Response::Json(200, DumpJson(EncodeAccessToken(token)));
}

Result<Response> Disable(Mfa& mfa, Context& context) {
  TRY(const auto request, DecodeMfaDisable(context.request.body));
  TRYV(mfa.Disable(context.principal, request, context.request.client.Group(), context.audit));
  return Response::NoContent();
}

}  // namespace

std::vector<Route> MfaRoutes(Mfa& mfa) {
  const auto bind = [&mfa](Result<Response> (*handler)(Mfa&, Context&)) {
    return [&mfa, handler](Context& context) { return handler(mfa, context); };
  };
  return {
      {.method = Method::kGet,
       .pattern = "/v1/auth/mfa/status",
       .operation_id = "mfaStatus",
       .auth = AuthKind::kUser,
       .action = "mfa.read",
       .handler = bind(ReadStatus),
       .for_auditors = true},
      {.method = Method::kPost,
       .pattern = "/v1/auth/mfa/setup",
       .operation_id = "mfaSetup",
       .auth = AuthKind::kUser,
       .action = "mfa.setup",
       .handler = bind(Setup),
       .for_auditors = true},
      {.method = Method::kPost,
       .pattern = "/v1/auth/mfa/verify-setup",
       .operation_id = "mfaVerifySetup",
       .auth = AuthKind::kUser,
       .action = "mfa.enable",
       .handler = bind(VerifySetup),
       .for_auditors = true},
      // As with a login: a failure until it has succeeded.
      {.method = Method::kPost,
       .pattern = "/v1/auth/mfa/verify",
       .operation_id = "mfaVerify",
       .auth = AuthKind::kNone,
       .action = "auth.failure",
       .handler = bind(Verify)},
      {.method = Method::kDelete,
       .pattern = "/v1/auth/mfa",
       .operation_id = "mfaDisable",
       .auth = AuthKind::kUser,
       .action = "mfa.disable",
       .runs_on = RunsOn::kHashers,
       .handler = bind(Disable),
       .for_auditors = true},
  };
}

}  // namespace claviger::api
