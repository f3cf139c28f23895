#include "api/json/string_list.h"

#include <nlohmann/json.hpp>

#include "api/json/json.h"

namespace claviger::api {

std::string DumpStrings(const std::vector<std::string>& strings) { return DumpJson(strings); }

Result<std::vector<std::string>> ParseStrings(std::string_view text) {
  const auto json = ParseJson(text);
  if (!json || !json.value().is_array()) return IntegrityFailure("stored list is malformed");
  std::vector<std::string> strings;
  for (const Json& item : json.value()) {
    if (!item.is_string()) return IntegrityFailure("stored list is malformed");
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

}  // namespace claviger::api
