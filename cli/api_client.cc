#include "cli/api_client.h"

#include "cli/wiping.h"

namespace claviger::cli {
namespace {

// Lists are answered whole; 16 MiB bound them.
constexpr api::JsonLimits kAnswerLimits{.max_depth = 32, .max_members = 1'000'000};

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

Result<SecretBytes> ApiClient::Send(std::string method, std::string target, std::string_view body) {
  TRY(HttpResponse response,
      http_.Send(
          {.method = std::move(method), .target = std::move(target), .bearer = token_.Text(), .json = body}));
  if (response.status < 200 || response.status > 299) return Refusal(response);
  return std::move(response.body);
}

Result<Json> ApiClient::Call(std::string method, std::string target, std::string_view body) {
  TRY(const SecretBytes text, Send(std::move(method), std::move(target), body));
  auto parsed = api::ParseJson(text.Text(), kAnswerLimits);
  if (!parsed || !parsed.value().is_object()) {
    return MakeError(ErrorKind::kInternal,
                     "The answer of " + url() + " makes no sense; is it a Claviger server?");
  }
  return std::move(parsed).value();
}

Result<Json> ApiClient::Post(std::string target, const Json& body) {
  std::string text = api::DumpJson(body);
  const Wiping wiping(text);
  return Call("POST", std::move(target), text);
}

Result<Json> ApiClient::PutText(std::string target, std::string_view body) {
  return Call("PUT", std::move(target), body);
}

Status ApiClient::Delete(std::string target) {
  TRYV(Send("DELETE", std::move(target), {}));
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
