#include "cli/api_client.h"

#include "cli/next_page.h"
#include "cli/wiping.h"

namespace claviger::cli {
namespace {

// 16 MiB bound an answer.
constexpr api::JsonLimits kAnswerLimits{.max_depth = 32, .max_members = 1'000'000};

constexpr int kMaxPages = 1000;
constexpr size_t kMaxListBytes = 256 * 1024 * 1024;

ErrorKind KindOf(long status) {
  switch (status) {
    case 400:
      return ErrorKind::kInvalid;
    case 401:
      return ErrorKind::kUnauthenticated;
    case 403:
      return ErrorKind::kForbidden;
    case 404:
      return ErrorKind::kNotFound;
    case 405:
      return ErrorKind::kMethodNotAllowed;
    case 409:
      return ErrorKind::kConflict;
    case 410:
      return ErrorKind::kGone;
    case 413:
      return ErrorKind::kTooLarge;
    case 429:
      return ErrorKind::kTooMany;
    case 502:
    case 503:
    case 504:
      return ErrorKind::kUnavailable;
    default:
      return ErrorKind::kInternal;
  }
}

std::string ProblemDetail(const HttpResponse& response) {
  if (response.status >= 300 && response.status < 400) return "The server redirects elsewhere; not followed";
  auto problem = api::ParseJsonObject(response.body.Text());
  if (problem) {
    for (const char* name : {"detail", "title"}) {
      std::string text = TextOf(problem.value(), name);
      if (!text.empty()) return text;
    }
  }
  return "The server refused the request";
}

Error Refusal(const HttpResponse& response) {
  std::string detail = ProblemDetail(response) + " (HTTP " + std::to_string(response.status);
  if (!response.request_id.empty()) detail += ", request " + response.request_id;
  if (!response.retry_after.empty()) detail += ", try again in " + response.retry_after + " s";
  return MakeError(KindOf(response.status), detail + ")");
}

}  // namespace

Result<HttpResponse> ApiClient::Exchange(std::string method, std::string target, std::string_view body,
                                         const SecretHeaders& headers) {
  TRY(HttpResponse response, http_.Send({.method = std::move(method),
                                         .target = std::move(target),
                                         .bearer = token_.Text(),
                                         .json = body,
                                         .headers = headers}));
  if (response.status < 200 || response.status > 299) return Refusal(response);
  return response;
}

Result<SecretBytes> ApiClient::Send(std::string method, std::string target, std::string_view body,
                                    const SecretHeaders& headers) {
  TRY(HttpResponse response, Exchange(std::move(method), std::move(target), body, headers));
  return std::move(response.body);
}

Result<Json> ApiClient::ParseAnswer(const SecretBytes& text) const {
  auto parsed = api::ParseJson(text.Text(), kAnswerLimits);
  if (!parsed || !parsed.value().is_object()) {
    return MakeError(ErrorKind::kInternal,
                     "The answer of " + url() + " makes no sense; is it a Claviger server?");
  }
  return std::move(parsed).value();
}

Result<Json> ApiClient::Call(std::string method, std::string target, std::string_view body,
                             const SecretHeaders& headers) {
  TRY(const SecretBytes text, Send(std::move(method), std::move(target), body, headers));
  return ParseAnswer(text);
}

Result<Json> ApiClient::GetList(std::string target, const char* name) {
  Json whole;
  size_t bytes = 0;
  for (int page = 0; page < kMaxPages; ++page) {
    TRY(const HttpResponse response, Exchange("GET", target, {}));
    bytes += response.body.size();
    if (bytes > kMaxListBytes) break;
    TRY(Json answer, ParseAnswer(response.body));
    TRY(Json items, ListOf(answer, name));
    if (page == 0) {
      whole = std::move(answer);
    } else {
      Json& all = whole[name];
      for (Json& item : items) all.push_back(std::move(item));
    }
    TRY(target, NextPage(response.link, target));
    if (target.empty()) return whole;
  }
  return MakeError(ErrorKind::kTooLarge, "The list is longer than 1000 pages or 256 MiB; narrow it");
}

Result<Json> ApiClient::Post(std::string target, const Json& body, const SecretHeaders& headers) {
  std::string text = api::DumpJson(body);
  const Wiping wiping(text);
  return Call("POST", std::move(target), text, headers);
}

Result<Json> ApiClient::Patch(std::string target, const Json& body) {
  return Call("PATCH", std::move(target), api::DumpJson(body));
}

Result<Json> ApiClient::PostText(std::string target, std::string_view body) {
  return Call("POST", std::move(target), body);
}

Result<Json> ApiClient::PutText(std::string target, std::string_view body) {
  return Call("PUT", std::move(target), body);
}

Status ApiClient::PostNothing(std::string target) {
  TRYV(Send("POST", std::move(target), {}));
  return Ok();
}

Status ApiClient::Delete(std::string target, std::string_view body) {
  TRYV(Send("DELETE", std::move(target), body));
  return Ok();
}

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number() || found->is_boolean()) return found->dump();
  return "";
}

Result<Json> ListOf(Json answer, const char* name) {
  const auto found = answer.find(name);
  if (found == answer.end() || !found->is_array()) {
    return MakeError(ErrorKind::kInternal, "The server's answer lacks its list");
  }
  for (const Json& item : *found) {
    if (!item.is_object()) return MakeError(ErrorKind::kInternal, "The server's list holds no objects");
  }
  return std::move(*found);
}

std::string QueryString(const std::vector<std::pair<const char*, std::string>>& fields) {
  std::string query;
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    query += query.empty() ? '?' : '&';
    query += std::string(name) + "=" + EscapeSegment(value);
  }
  return query;
}

}  // namespace claviger::cli
