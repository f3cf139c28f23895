#include "api/http/page.h"

#include <charconv>
#include <string>

namespace claviger::api::http {

Result<int64_t> ReadLimit(const Request& request) {
  const auto text = request.Query("limit");
  if (!text) return kMaxPageItems;
  int64_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc{} || end != text->data() + text->size()) {
    return Invalid("limit must be a whole number");
  }
  return std::clamp<int64_t>(limit, 1, kMaxPageItems);
}

void AddNextLink(Response& response, std::string_view target) {
  response.headers.emplace_back("Link", "<" + std::string(target) + ">; rel=\"next\"");
}

}  // namespace claviger::api::http
