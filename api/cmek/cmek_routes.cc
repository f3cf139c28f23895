#include <nlohmann/json.hpp>

#include "api/cmek/cmek.h"
#include "api/vaults/vaults.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

std::optional<crypto::CmekKey> KeyOf(const Context& context, std::string_view header) {
  const auto text = context.request.Header(header);
  if (!text) return std::nullopt;
  return crypto::CmekKey::Parse(*text);
}

Result<Response> EnableCmek(Cmek& cmek, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto fingerprint, DecodeEnableCmek(context.request.body));
  TRY(const auto enabled, cmek.Enable(context.principal, vault, fingerprint, context.audit));
  return Response::Json(200, DumpJson(EncodeVault(enabled)));
}

Result<Response> DisableCmek(Cmek& cmek, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto disabled, cmek.Disable(context.principal, vault, context.audit));
  return Response::Json(200, DumpJson(EncodeVault(disabled)));
}

Result<Response> RotateCmek(Cmek& cmek, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto new_fingerprint, DecodeRotateCmek(context.request.body));
  Cmek::Keys keys{KeyOf(context, kCmekOldKeyHeader), KeyOf(context, kCmekNewKeyHeader), new_fingerprint};
  TRY(const auto rotation, cmek.Rotate(context.principal, vault, std::move(keys), context.audit));
  return Response::Json(202, DumpJson(EncodeCmekRotation(rotation)));
}

Result<Response> GetCmekRotationJob(Cmek& cmek, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  // A malformed id reads exactly as an absent one.
  const auto id = RotationId::Parse(context.params.find("job_id")->second).value_or(RotationId{});
  TRY(const auto rotation, cmek.GetRotation(context.principal, vault, id, context.audit));
  return Response::Json(200, DumpJson(EncodeCmekRotation(rotation)));
}

}  // namespace

std::vector<Route> CmekRoutes(Cmek& cmek) {
  const auto bind = [&cmek](Result<Response> (*handler)(Cmek&, Context&)) {
    return [&cmek, handler](Context& context) { return handler(cmek, context); };
  };
  const std::string key = "/v1/vaults/{vault_id}/cmek";
  const std::string rotations = "/v1/vaults/{vault_id}/cmek-rotate";
  return {
      {.method = Method::kPost,
       .pattern = key,
       .operation_id = "enableCmek",
       .auth = AuthKind::kUser,
       .action = "cmek.enable",
       .handler = bind(EnableCmek)},
      {.method = Method::kDelete,
       .pattern = key,
       .operation_id = "disableCmek",
       .auth = AuthKind::kUser,
       .action = "cmek.disable",
       .handler = bind(DisableCmek)},
      {.method = Method::kPost,
       .pattern = rotations,
       .operation_id = "rotateCmek",
       .auth = AuthKind::kUser,
       .action = "cmek.rotate",
       .handler = bind(RotateCmek)},
      {.method = Method::kGet,
       .pattern = rotations + "/{job_id}",
       .operation_id = "getCmekRotationJob",
       .auth = AuthKind::kUser,
       .action = "cmek.read",
       .handler = bind(GetCmekRotationJob)},
  };
}

}  // namespace claviger::api
