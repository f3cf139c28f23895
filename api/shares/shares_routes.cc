#include <nlohmann/json.hpp>

#include "api/pages/form.h"
#include "api/shares/share_pages.h"
#include "api/shares/share_views.h"
#include "api/shares/shares.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

// Never in the target, which proxies write into their logs.
constexpr std::string_view kPassphraseHeader = "x-share-passphrase";

const std::string& Parameter(const Context& context, std::string_view name) {
  return context.params.find(name)->second;
}

ShareFinder::Named NameOf(const Context& context) {
  return {Parameter(context, "share_id"), context.request.client};
}

SecretBytes PassphraseOf(const http::Request& request) {
  return SecretBytes(request.Header(kPassphraseHeader).value_or(""));
}

Result<Permit> AdmitCreate(Shares& shares, const Clock& clock, Context& context) {
  TRY(const auto request, DecodeCreateShare(context.request.body, clock.Now()));
  return shares.AdmitCreate(context.principal, request, context.audit);
}

Result<Response> CreateShare(Shares& shares, const Clock& clock, Context& context) {
  TRY(const auto request, DecodeCreateShare(context.request.body, clock.Now()));
  const auto secret = SecretId::Parse(Parameter(context, "secret_id"));
  TRY(const auto share,
      shares.Create({context.principal, context.request.client}, secret.value_or(SecretId{}), request,
                    context.request.Header("host").value_or("localhost"), context.permit, context.audit));
  return Response::Json(201, DumpJson(EncodeNewShare(share)));
}

Result<Response> ListShares(Shares& shares, Shares::Direction direction, const std::string& target,
                            Context& context) {
  TRY(const auto limit, http::ReadLimit(context.request));
  std::optional<ShareId> after;
  if (const auto text = context.request.Query("after")) {
    after = ShareId::Parse(*text);
    if (!after) return Invalid("after must be a UUID");
  }
  TRY(const auto page, shares.List(context.principal, direction, after, limit));
  std::vector<ListedShare> listed;
  for (const auto& item : page.items) listed.push_back(item.share);
  auto response = Response::Json(200, DumpJson(EncodeShareList(listed)));
  if (!page.complete) {
    http::AddNextLink(
        response, target + "?limit=" + std::to_string(limit) + "&after=" + page.items.back().row.ToString());
  }
  return response;
}

Result<Permit> AdmitAccess(ShareOpener& opener, Context& context) {
  const bool page = SharePages::Wants(context.request);
  return opener.AdmitOpen(NameOf(context), page ? SecretBytes() : PassphraseOf(context.request),
                          context.audit);
}

Result<Response> AccessShare(ShareOpener& opener, SharePages& pages, Context& context) {
  if (SharePages::Wants(context.request)) return pages.Show(context);
  TRY(const auto secret, opener.Open(context.request, Parameter(context, "share_id"),
                                     PassphraseOf(context.request), context.permit, context.audit));
  return Response::Json(200, EncodeSharedSecret(secret));
}

Result<Response> RevokeShare(Shares& shares, Context& context) {
  TRYV(shares.Revoke(context.principal, NameOf(context), context.audit));
  return Response::NoContent();
}

Result<Response> AcceptShare(Shares& shares, Context& context) {
  TRYV(shares.Accept(context.principal, NameOf(context), context.audit));
  return Response::NoContent();
}

Result<Response> DeclineShare(Shares& shares, Context& context) {
  TRYV(shares.Decline(context.principal, NameOf(context), context.audit));
  return Response::NoContent();
}

}  // namespace

std::vector<Route> ShareRoutes(const ShareNoun& noun, const Clock& clock) {
  Shares& shares = noun.shares;
  ShareOpener& opener = noun.opener;
  SharePages& pages = noun.pages;
  const auto bind = [&shares](Result<Response> (*handler)(Shares&, Context&)) {
    return [&shares, handler](Context& context) { return handler(shares, context); };
  };
  const auto list = [&shares](Shares::Direction direction, const char* target, const char* operation) {
    return Route{.method = Method::kGet,
                 .pattern = target,
                 .operation_id = operation,
                 .action = "share.list",
                 .handler = [&shares, direction, target](Context& context) {
                   return ListShares(shares, direction, target, context);
                 }};
  };
  const auto revoke_at = [&](const char* pattern, const char* operation) {
    return Route{.method = Method::kDelete,
                 .pattern = pattern,
                 .operation_id = operation,
                 .action = "share.revoke",
                 .handler = bind(RevokeShare)};
  };
  const std::string link = "/v1/share/{share_id}";
  return {
      {.method = Method::kPost,
       .pattern = "/v1/secrets/{secret_id}/share",
       .operation_id = "createShare",
       .action = "share.create",
       .runs_on = RunsOn::kHashers,
       .handler = [&shares, &clock](Context& context) { return CreateShare(shares, clock, context); },
       .admit = [&shares, &clock](Context& context) { return AdmitCreate(shares, clock, context); }},
      {.method = Method::kGet,
       .pattern = link,
       .operation_id = "accessShare",
       .auth = AuthKind::kNone,
       .action = "share.access",
       .runs_on = RunsOn::kHashers,
       .handler = [&opener, &pages](Context& context) { return AccessShare(opener, pages, context); },
       .admit = [&opener](Context& context) { return AdmitAccess(opener, context); }},
      {.method = Method::kPost,
       .pattern = link,
       .operation_id = "revealShare",
       .auth = AuthKind::kNone,
       .action = "share.access",
       .runs_on = RunsOn::kHashers,
       .max_body = pages::kMaxFormBytes,
       .handler = [&pages](Context& context) { return pages.Reveal(context); },
       .admit = [&pages](Context& context) { return pages.AdmitReveal(context); },
       .refusal = share_views::Refusal},
      revoke_at("/v1/share/{share_id}", "revokeShare"),
      revoke_at("/v1/shares/{share_id}", "revokeListedShare"),  // where later clients ask for it
      list(Shares::Direction::kOutbound, "/v1/shares/outbound", "listOutboundShares"),
      list(Shares::Direction::kInbound, "/v1/shares/inbound", "listInboundShares"),
      {.method = Method::kPost,
       .pattern = "/v1/shares/{share_id}/accept",
       .operation_id = "acceptShare",
       .action = "share.accept",
       .handler = bind(AcceptShare)},
      {.method = Method::kPost,
       .pattern = "/v1/shares/{share_id}/decline",
       .operation_id = "declineShare",
       .action = "share.decline",
       .handler = bind(DeclineShare)},
  };
}

}  // namespace claviger::api
