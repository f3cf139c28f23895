#include <nlohmann/json.hpp>

#include "api/api_keys/api_keys.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

Result<Response> CreateApiKey(ApiKeys& keys, const Clock& clock, Context& context) {
  TRY(auto request, DecodeCreateApiKey(context.request.body, clock.Now()));
  TRY(const auto created,
      keys.Create(context.principal, std::move(request), context.request.client, context.audit));
  return Response::Json(201, EncodeApiKeyCreated(created.key, created.text));
}

Result<Response> ListApiKeys(ApiKeys& keys, Context& context) {
  TRY(const auto limit, http::ReadLimit(context.request));
  std::optional<KeyId> after;
  if (const auto text = context.request.Query("after")) {
    after = KeyId::Parse(*text);
    if (!after) return Invalid("after must be a UUID");
  }
  TRY(const auto page, keys.List(context.principal, after, limit));
  auto response = Response::Json(200, DumpJson(EncodeApiKeyList(page.items)));
  if (!page.complete) {
    http::AddNextLink(response, "/v1/auth/api-keys?limit=" + std::to_string(limit) +
                                    "&after=" + page.items.back().id.ToString());
  }
  return response;
}

Result<Response> RevokeApiKey(ApiKeys& keys, Context& context) {
  const auto id = KeyId::Parse(context.params.find("key_id")->second);
  if (!id) return NotFound("API key not found");
  context.audit.SetResource("api_key", id->ToString());
  TRYV(keys.Revoke(context.principal, *id, context.audit));
  return Response::NoContent();
}

Result<Response> ApiKeyToken(ApiKeys& keys, Context& context) {
  TRY(const auto key, DecodeApiKeyToken(context.request.body));
  TRY(const auto token, keys.Exchange(key, context.audit));
  return Response::Json(200, DumpJson(EncodeAccessToken(token)));
}

}  // namespace

std::vector<Route> ApiKeyRoutes(ApiKeys& keys, const Clock& clock) {
  const auto bind = [&keys](Result<Response> (*handler)(ApiKeys&, Context&)) {
    return [&keys, handler](Context& context) { return handler(keys, context); };
  };
  return {
      {.method = Method::kPost,
       .pattern = "/v1/auth/api-keys",
       .operation_id = "createApiKey",
       .auth = AuthKind::kUser,
       .action = "api_key.create",
       .handler = [&keys, &clock](Context& context) { return CreateApiKey(keys, clock, context); },
       .for_auditors = true},
      {.method = Method::kGet,
       .pattern = "/v1/auth/api-keys",
       .operation_id = "listApiKeys",
       .auth = AuthKind::kUser,
       .action = "api_key.list",
       .handler = bind(ListApiKeys),
       .for_auditors = true},
      {.method = Method::kDelete,
       .pattern = "/v1/auth/api-keys/{key_id}",
       .operation_id = "revokeApiKey",
       .auth = AuthKind::kUser,
       .action = "api_key.revoke",
       .handler = bind(RevokeApiKey),
       .for_auditors = true},
      // An exchange is recorded as a failure until it has succeeded.
      {.method = Method::kPost,
       .pattern = "/v1/auth/api-key-token",
       .operation_id = "apiKeyToken",
       .auth = AuthKind::kNone,
       .action = "auth.failure",
       .handler = bind(ApiKeyToken)},
  };
}

}  // namespace claviger::api
