#include <nlohmann/json.hpp>

#include "api/http/problem.h"
#include "api/secrets/secrets.h"
#include "api/vaults/vaults.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

constexpr size_t kShortBody = 128 * 1024;  // a longer one is not decoded while others wait

// The wildcard has one form whether its slashes came as '/' or as "%2F".
std::string_view PathOf(const Context& context) { return context.params.find("path")->second; }

Result<Response> AnswerPut(Result<SecretMetadata> written) {
  if (!written) return written.error();
  TRY(const auto json, EncodeSecretMetadata(written.value()));
  return Response::Json(201, DumpJson(json));
}

Result<Response> AnswerGet(Result<Secret> secret) {
  if (!secret) return secret.error();
  TRY(auto body, EncodeSecret(secret.value()));
  return Response::Json(200, std::move(body));
}

Secrets::Caller CallerOf(const Context& context) { return {context.principal, context.request.client}; }

Result<Response> PutSecret(Secrets& secrets, const Clock& clock, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto request, DecodePutSecret(context.request.body, clock.Now()));
  return AnswerPut(secrets.Put({CallerOf(context), vault, PathOf(context), request, context.audit}));
}

Result<Response> GetSecret(Secrets& secrets, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  return AnswerGet(secrets.Get({CallerOf(context), vault, PathOf(context), context.audit}));
}

// PutSecret for many.
std::vector<BatchAnswer> PutSecretsTogether(Secrets& secrets, const Clock& clock,
                                            std::span<Context> contexts) {
  std::vector<BatchAnswer> answers(contexts.size());
  std::vector<PutSecretRequest> requests;
  requests.reserve(contexts.size());
  std::vector<Secrets::Write> writes;
  std::vector<size_t> writing;
  for (size_t i = 0; i < contexts.size(); ++i) {
    Context& context = contexts[i];
    const auto vault = VaultIdOf(context);
    if (!vault || context.request.body.size() > kShortBody) continue;
    auto request = DecodePutSecret(context.request.body, clock.Now());
    if (!request) continue;
    requests.push_back(std::move(request).value());
    writes.push_back({CallerOf(context), vault.value(), PathOf(context), requests.back(), context.audit});
    writing.push_back(i);
  }
  auto written = secrets.PutTogether(writes);
  for (size_t n = 0; n < writing.size(); ++n) {
    if (written[n]) answers[writing[n]] = AnswerPut(*std::move(written[n]));
  }
  return answers;
}

// GetSecret for many.
std::vector<BatchAnswer> GetSecretsTogether(Secrets& secrets, std::span<Context> contexts) {
  std::vector<BatchAnswer> answers(contexts.size());
  std::vector<Secrets::Read> reads;
  std::vector<size_t> reading;
  for (size_t i = 0; i < contexts.size(); ++i) {
    const auto vault = VaultIdOf(contexts[i]);
    if (!vault) continue;
    reads.push_back({CallerOf(contexts[i]), vault.value(), PathOf(contexts[i]), contexts[i].audit});
    reading.push_back(i);
  }
  auto found = secrets.GetTogether(reads);
  for (size_t n = 0; n < reading.size(); ++n) {
    if (found[n]) answers[reading[n]] = AnswerGet(*std::move(found[n]));
  }
  return answers;
}

Result<Response> DeleteSecret(Secrets& secrets, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRYV(secrets.Delete(CallerOf(context), vault, PathOf(context), context.audit));
  return Response::NoContent();
}

Result<Response> ListSecrets(Secrets& secrets, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  Secrets::ListQuery query;
  query.prefix = context.request.Query("prefix").value_or("");
  query.after = context.request.Query("after").value_or("");
  TRY(query.limit, http::ReadLimit(context.request));
  if (!HasPathCharacters(query.after)) return Invalid("after must be a secret's path");
  if (const auto text = context.request.Query("after_id")) {
    query.after_id = SecretId::Parse(*text);
    if (!query.after_id) return Invalid("after_id must be a UUID");
  }

  TRY(const auto listing, secrets.List(CallerOf(context), vault, query, context.audit));
  TRY(const auto json, EncodeSecretList(listing.items));
  auto response = Response::Json(200, DumpJson(json));
  if (listing.next) {
    http::AddNextLink(response, "/v1/vaults/" + vault.ToString() + "/secrets?prefix=" + query.prefix +
                                    "&limit=" + std::to_string(query.limit) +
                                    "&after_id=" + listing.next->ToString());
  }
  return response;
}

// Rotation is a write of a new value; the route exists because clients know it.
Result<Response> RotateSecret(Context& context) {
  TRYV(VaultIdOf(context));
  if (PathOf(context).ends_with("/rotate")) return Invalid("Secret rotation not yet implemented");
  auto response = http::Problem(405, "The method is not allowed for this resource");
  response.headers.emplace_back("Allow", "DELETE, GET, PUT");
  return response;
}

}  // namespace

std::vector<Route> SecretRoutes(Secrets& secrets, const Clock& clock) {
  const auto bind = [&secrets](Result<Response> (*handler)(Secrets&, Context&)) {
    return [&secrets, handler](Context& context) { return handler(secrets, context); };
  };
  const std::string all = "/v1/vaults/{vault_id}/secrets";
  const std::string one = all + "/{path...}";
  return {
      {.method = Method::kPut,
       .pattern = one,
       .operation_id = "putSecret",
       .action = "secret.write",
       .max_body = kMaxSecretBodyBytes,
       .handler = [&secrets, &clock](Context& context) { return PutSecret(secrets, clock, context); },
       .batch = [&secrets, &clock](
                    std::span<Context> contexts) { return PutSecretsTogether(secrets, clock, contexts); }},
      {.method = Method::kGet,
       .pattern = one,
       .operation_id = "getSecret",
       .action = "secret.read",
       .handler = bind(GetSecret),
       .batch = [&secrets](std::span<Context> contexts) { return GetSecretsTogether(secrets, contexts); }},
      {.method = Method::kDelete,
       .pattern = one,
       .operation_id = "deleteSecret",
       .action = "secret.delete",
       .handler = bind(DeleteSecret)},
      {.method = Method::kGet,
       .pattern = all,
       .operation_id = "listSecrets",
       .action = "secret.list",
       .handler = bind(ListSecrets)},
      {.method = Method::kPost,
       .pattern = one,
       .operation_id = "rotateSecret",
       .action = "secret.rotate",
       .handler = RotateSecret},
  };
}

}  // namespace claviger::api
