#include "api/shares/share_pages.h"

#include <algorithm>
#include <array>

#include "api/pages/visitor.h"
#include "api/shares/share_views.h"

namespace claviger::api {
namespace {

using http::Response;

// In the names by which programs that look at links call themselves. Most of them take anything, as API
// clients do.
constexpr std::array<std::string_view, 9> kLookers = {
    "bot", "crawler", "spider", "preview", "externalhit", "whatsapp", "embedly", "mattermost", "snapchat"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

// In any of the headers of this name, in lower case.
bool Says(const http::Request& request, std::string_view header, std::string_view word) {
  return std::any_of(request.headers.begin(), request.headers.end(), [&](const auto& field) {
    return field.first == header && Lower(field.second).find(word) != std::string::npos;
  });
}

bool LooksAtLinks(const http::Request& request) {
  const auto purposes = {"sec-purpose", "purpose", "x-purpose", "x-moz"};  // prefetch, preview, prerender
  return std::any_of(purposes.begin(), purposes.end(),
                     [&](const char* header) { return Says(request, header, "pre"); }) ||
         std::any_of(kLookers.begin(), kLookers.end(),
                     [&](std::string_view word) { return Says(request, "user-agent", word); });
}

// Names what only clients of the API name: a program may call itself a bot and mean the API.
bool IsApiClient(const http::Request& request) {
  return Says(request, "accept", "application/json") || Says(request, "content-type", "application/json") ||
         request.Header("authorization") || request.Header("x-share-passphrase");
}

std::string_view LinkIn(const Context& context) { return context.params.find("share_id")->second; }

ShareFinder::Named NameOf(const Context& context) { return {LinkIn(context), context.request.client}; }

SecretBytes PassphraseIn(const pages::Form& form) { return SecretBytes(form.Text("passphrase")); }

// What the link's owner should read of; a fault of ours is logged and answered as such.
bool IsOrdinary(const Error& error) {
  return error.kind != ErrorKind::kUnavailable && error.kind != ErrorKind::kIntegrity &&
         error.kind != ErrorKind::kInternal;
}

}  // namespace

bool SharePages::Wants(const http::Request& request) {
  return Says(request, "accept", "text/html") || (!IsApiClient(request) && LooksAtLinks(request));
}

Result<Response> SharePages::Show(Context& context) {
  context.audit.SetAction("share.look");
  const auto look = opener_.LookAt(NameOf(context), context.audit);
  if (!look) {
    if (look.error().detail == ShareOpener::kAddressed) return share_views::Addressed();
    if (!IsOrdinary(look.error())) return look.error();
    context.audit.Explain(look.error().detail);
    return share_views::Refusal(look.error());
  }
  auto cookie = pages::CookieOf(context.request);
  const bool is_new = !cookie;
  if (is_new) cookie = pages::NewCookie(random_);
  const std::string form_token = pages::FormToken(*cookie);
  Response page = share_views::Offer({form_token}, look.value());
  if (is_new) pages::SetCookie(page, *cookie);
  return page;
}

Result<Permit> SharePages::AdmitReveal(Context& context) {
  TRY(const auto visit, pages::Enter(context));
  return opener_.AdmitOpen(NameOf(context), PassphraseIn(visit.form), context.audit);
}

Result<Response> SharePages::Reveal(Context& context) {
  TRY(const auto visit, pages::Enter(context));
  const std::string form_token = pages::FormToken(visit.cookie);
  const auto secret =
      opener_.Open(context.request, LinkIn(context), PassphraseIn(visit.form), context.permit, context.audit);
  if (secret) return share_views::Value(secret.value());
  if (secret.error().detail != ShareOpener::kWrongPassphrase) return secret.error();
  TRY(const auto look, opener_.LookAt(NameOf(context), context.audit));
  return share_views::Offer({form_token, 403, "Wrong passphrase."}, look);
}

}  // namespace claviger::api
