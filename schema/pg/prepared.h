#pragma once
// What this program believes one connection has prepared. Inside schema/pg/ only.

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schema/pg/param.h"
#include "schema/pg/statement.h"

namespace claviger::schema {

class PreparedStatements {
 public:
  struct Entry {
    std::string server_name;
    const char* sql;
    std::vector<uint32_t> types;
    // kAbsent: the server does not have it. kSent: asked for in a pipeline whose answer is not read yet.
    enum class State : uint8_t { kAbsent, kSent, kReady } state = State::kAbsent;
  };

  // The entry that fits the statement's text and its parameters' types, made as kAbsent if there is none. One
  // statement called with other types (an untyped NULL first, a number later) gets a second entry: the type
  // of a binary value must be the one it was prepared with. Entries stay where they are until Clear().
  Entry& Find(const Statement& statement, std::span<const Param> params);
  // After a pipeline: whatever was sent and not confirmed is not there.
  void ForgetUnconfirmed();
  // After the connection has gone.
  void Clear() { entries_.clear(); }

 private:
  std::unordered_multimap<std::string_view, Entry> entries_;  // key: Statement::name
};

}  // namespace claviger::schema
