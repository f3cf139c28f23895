#include "schema/pg/prepared.h"

#include <algorithm>

namespace claviger::schema {
namespace {

bool SameTypes(const std::vector<uint32_t>& types, std::span<const Param> params) {
  // An untyped NULL fits every type.
  return std::equal(
      types.begin(), types.end(), params.begin(), params.end(),
      [](uint32_t type, const Param& param) { return param.type() == 0 || param.type() == type; });
}

bool SameSql(const char* a, const char* b) { return a == b || std::string_view(a) == b; }

}  // namespace

PreparedStatements::Entry& PreparedStatements::Find(const Statement& statement,
                                                    std::span<const Param> params) {
  const auto [first, last] = entries_.equal_range(statement.name);
  for (auto it = first; it != last; ++it) {
    if (SameSql(it->second.sql, statement.sql) && SameTypes(it->second.types, params)) return it->second;
  }
  Entry entry;
  entry.server_name = statement.name;
  if (first != last) entry.server_name += "#" + std::to_string(std::distance(first, last) + 1);
  entry.sql = statement.sql;
  for (const Param& param : params) entry.types.push_back(param.type());
  return entries_.emplace(statement.name, std::move(entry))->second;
}

void PreparedStatements::ForgetUnconfirmed() {
  for (auto& [name, entry] : entries_) {
    if (entry.state == Entry::State::kSent) entry.state = Entry::State::kAbsent;
  }
}

}  // namespace claviger::schema
