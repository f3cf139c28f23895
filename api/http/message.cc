#include "api/http/message.h"

namespace claviger::api::http {
namespace {

std::optional<std::string_view> FirstOf(const std::vector<std::pair<std::string, std::string>>& pairs,
                                        std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace

const char* Name(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
    case Method::kOptions:
      return "OPTIONS";
    case Method::kOther:
      break;
  }
  return "OTHER";
}

std::optional<std::string_view> Request::Header(std::string_view lower_name) const {
  return FirstOf(headers, lower_name);
}

std::optional<std::string_view> Request::Query(std::string_view name) const {
  return FirstOf(target.query, name);
}

}  // namespace claviger::api::http
