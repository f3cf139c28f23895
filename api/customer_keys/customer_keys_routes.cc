#include <nlohmann/json.hpp>

#include "api/customer_keys/customer_keys.h"
#include "api/vaults/vaults.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

Result<Response> BindCustomerKey(CustomerKeys& keys, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto request, DecodeBindCustomerKey(context.request.body));
  TRY(const auto rotation, keys.Bind(context.principal, vault, request, context.audit));
  return Response::Json(202, DumpJson(EncodeRotation(rotation)));
}

Result<Response> ReleaseCustomerKey(CustomerKeys& keys, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto rotation, keys.Release(context.principal, vault, context.audit));
  return Response::Json(202, DumpJson(EncodeRotation(rotation)));
}

Result<Response> GetCustomerKey(CustomerKeys& keys, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto status, keys.Get(context.principal, vault, context.audit));
  return Response::Json(200, DumpJson(EncodeCustomerKeyStatus(status)));
}

}  // namespace

std::vector<Route> CustomerKeyRoutes(CustomerKeys& keys) {
  const auto bind = [&keys](Result<Response> (*handler)(CustomerKeys&, Context&)) {
    return [&keys, handler](Context& context) { return handler(keys, context); };
  };
  const std::string key = "/v1/vaults/{vault_id}/customer-key";
  return {
      {.method = Method::kPut,
       .pattern = key,
       .operation_id = "bindCustomerKey",
       .auth = AuthKind::kUser,
       .action = "customer_key.bind",
       .handler = bind(BindCustomerKey)},
      {.method = Method::kDelete,
       .pattern = key,
       .operation_id = "releaseCustomerKey",
       .auth = AuthKind::kUser,
       .action = "customer_key.release",
       .handler = bind(ReleaseCustomerKey)},
      {.method = Method::kGet,
       .pattern = key,
       .operation_id = "getCustomerKey",
       .auth = AuthKind::kUser,
       .action = "customer_key.read",
       .handler = bind(GetCustomerKey)},
  };
}

}  // namespace claviger::api
