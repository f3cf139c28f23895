#include "api/pages/visitor.h"

#include <algorithm>

#include "base/bytes.h"
#include "crypto/credential.h"
#include "crypto/digest.h"

namespace claviger::api::pages {
namespace {

// The prefix has browsers refuse it unless it is Secure, for the whole host and for no other.
constexpr std::string_view kName = "__Host-claviger";
constexpr std::string_view kPrefix = "pgc_";
constexpr std::string_view kAttributes = "; Path=/; Secure; HttpOnly; SameSite=Strict";
constexpr std::string_view kTokenMessage = "claviger/form-token/1";

Error NotOurs(std::string cause) {
  return MakeError(ErrorKind::kForbidden, "The page is no longer valid", std::move(cause));
}

// Pages send no referrer, so a browser may call even their own origin "null".
bool IsOwnOrigin(const http::Request& request, std::string_view origin) {
  if (origin == "null") return true;
  const size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == request.Header("host").value_or("");
}

Status CheckOrigin(const http::Request& request) {
  if (const auto site = request.Header("sec-fetch-site")) {
    if (*site != "same-origin") return NotOurs("the form came from another site");
  } else if (const auto origin = request.Header("origin")) {
    if (!IsOwnOrigin(request, *origin)) return NotOurs("the form came from another origin");
  }
  return Ok();
}

}  // namespace

std::optional<SecretBytes> CookieOf(const http::Request& request) {
  std::optional<std::string_view> value;
  for (const auto& [name, header] : request.headers) {
    if (name != "cookie") continue;
    std::string_view rest = header;
    while (!rest.empty()) {
      const std::string_view field = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(rest.size(), field.size() + 1));
      const std::string_view pair = TrimSpaces(field);
      const size_t equals = pair.find('=');
      if (equals == pair.npos || pair.substr(0, equals) != kName) continue;
      if (value) return std::nullopt;
      value = pair.substr(equals + 1);
    }
  }
  if (!value || !crypto::HasCredentialForm(kPrefix, *value)) return std::nullopt;
  return SecretBytes(*value);
}

SecretBytes NewCookie(Random& random) { return crypto::NewCredential(kPrefix, random); }

void SetCookie(http::Response& response, const SecretBytes& cookie) {
  response.headers.emplace_back(
      "Set-Cookie", std::string(kName) + "=" + std::string(cookie.Text()) + std::string(kAttributes));
}

void ClearCookie(http::Response& response) {
  response.headers.emplace_back("Set-Cookie", std::string(kName) + "=; Max-Age=0" + std::string(kAttributes));
}

std::string FormToken(const SecretBytes& cookie) {
  return Base64UrlEncode(crypto::HmacSha256(cookie.View(), AsBytes(kTokenMessage)));
}

Result<SecretBytes> CheckSender(const http::Request& request, const Form& form) {
  TRYV(CheckOrigin(request));
  auto cookie = CookieOf(request);
  if (!cookie) return NotOurs("no cookie came with the form");
  if (!EqualConstantTime(AsBytes(FormToken(*cookie)), AsBytes(form.Text(kFormTokenField)))) {
    return NotOurs("the form's token is wrong");
  }
  return *std::move(cookie);
}

Result<Visit> Enter(Context& context) {
  TRY(auto form, Form::Parse(context.request));
  auto cookie = CheckSender(context.request, form);
  if (!cookie) {
    context.audit.AddDetail("reason", cookie.error().cause);
    return std::move(cookie).as_failure();
  }
  return Visit{std::move(form), std::move(cookie).value()};
}

}  // namespace claviger::api::pages
