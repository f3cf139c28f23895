#include <nlohmann/json.hpp>

#include "api/vaults/vaults.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

Result<Response> CreateVault(Vaults& vaults, Context& context) {
  TRY(auto request, DecodeCreateVault(context.request.body));
  TRY(const auto vault, vaults.Create(context.principal, std::move(request), context.audit));
  return Response::Json(201, DumpJson(EncodeVault(vault)));
}

Result<Response> ListVaults(Vaults& vaults, Context& context) {
  TRY(const auto limit, http::ReadLimit(context.request));
  std::optional<VaultId> after;
  if (const auto text = context.request.Query("after")) {
    after = VaultId::Parse(*text);
    if (!after) return Invalid("after must be a UUID");
  }
  TRY(const auto page, vaults.List(context.principal, after, limit));
  auto response = Response::Json(200, DumpJson(EncodeVaultList(page.items)));
  if (!page.complete) {
    http::AddNextLink(
        response, "/v1/vaults?limit=" + std::to_string(limit) + "&after=" + page.items.back().id.ToString());
  }
  return response;
}

Result<Response> GetVault(Vaults& vaults, Context& context) {
  TRY(const auto id, VaultIdOf(context));
  TRY(const auto vault, vaults.Get(context.principal, id, context.audit));
  return Response::Json(200, DumpJson(EncodeVault(vault)));
}

Result<Response> DeleteVault(Vaults& vaults, Context& context) {
  TRY(const auto id, VaultIdOf(context));
  TRYV(vaults.Delete(context.principal, id, context.audit));
  return Response::NoContent();
}

}  // namespace

Result<VaultId> VaultIdOf(Context& context) {
  const auto id = VaultId::Parse(context.params.find("vault_id")->second);
  TRYV(Noted(context.audit, CheckBinding(context.principal, id.value_or(VaultId{}))));
  if (!id) return VaultNotFound();
  context.audit.SetResource("vault", id->ToString());
  return *id;
}

std::vector<Route> VaultRoutes(Vaults& vaults) {
  const auto bind = [&vaults](Result<Response> (*handler)(Vaults&, Context&)) {
    return [&vaults, handler](Context& context) { return handler(vaults, context); };
  };
  const std::string one = "/v1/vaults/{vault_id}";
  return {
      {.method = Method::kPost,
       .pattern = "/v1/vaults",
       .operation_id = "createVault",
       .action = "vault.create",
       .handler = bind(CreateVault)},
      {.method = Method::kGet,
       .pattern = "/v1/vaults",
       .operation_id = "listVaults",
       .action = "vault.list",
       .handler = bind(ListVaults)},
      {.method = Method::kGet,
       .pattern = one,
       .operation_id = "getVault",
       .action = "vault.read",
       .handler = bind(GetVault)},
      {.method = Method::kDelete,
       .pattern = one,
       .operation_id = "deleteVault",
       .action = "vault.delete",
       .handler = bind(DeleteVault)},
  };
}

}  // namespace claviger::api
