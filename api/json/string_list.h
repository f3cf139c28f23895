#pragma once
// Lists of texts and ids as one text, a JSON array: what a column keeps.

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace claviger::api {

std::string DumpStrings(const std::vector<std::string>& strings);
// kIntegrity if the stored text is no such list.
Result<std::vector<std::string>> ParseStrings(std::string_view text);

template <class IdType>
std::string DumpIds(const std::vector<IdType>& ids) {
  std::vector<std::string> strings;
  for (const auto& id : ids) strings.push_back(id.ToString());
  return DumpStrings(strings);
}

template <class IdType>
Result<std::vector<IdType>> ParseIds(std::string_view text) {
  TRY(const auto strings, ParseStrings(text));
  std::vector<IdType> ids;
  for (const auto& string : strings) {
    const auto id = IdType::Parse(string);
    if (!id) return IntegrityFailure("stored list of ids is malformed");
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace claviger::api
