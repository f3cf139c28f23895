#pragma once
// UUIDs and the strong ids made of them: a swapped argument does not compile.

#include <array>
#include <boost/uuid/uuid.hpp>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace claviger {

class Random;
using Uuid = boost::uuids::uuid;

// Lower-case 8-4-4-4-12 form.
std::string FormatUuid(const Uuid& uuid);
// Accepts exactly the 36-character form in either case; nothing else.
std::optional<Uuid> ParseUuid(std::string_view text);
// RFC 9562 version 7: sortable by creation time, to a quarter of a microsecond (section 6.2, method 3).
Uuid NewUuidV7(Time now, Random& random);
// The bounds, both inclusive, of what NewUuidV7 makes at a time; times before 1970 count as 1970.
Uuid FirstUuidV7(Time at);
Uuid LastUuidV7(Time at);
inline Uuid NewUuidV7(const Clock& clock, Random& random) { return NewUuidV7(clock.Now(), random); }

template <class Tag>
struct Id {
  Uuid uuid{};

  std::string ToString() const { return FormatUuid(uuid); }
  ByteView Bytes() const { return {uuid.data, 16}; }
  bool IsNil() const { return uuid.is_nil(); }
  static std::optional<Id> Parse(std::string_view text) {
    const auto parsed = ParseUuid(text);
    if (!parsed) return std::nullopt;
    return Id{*parsed};
  }
  friend bool operator==(const Id& a, const Id& b) { return a.uuid == b.uuid; }
  friend bool operator<(const Id& a, const Id& b) { return a.uuid < b.uuid; }
};

using OrgId = Id<struct OrgTag>;
using UserId = Id<struct UserTag>;
using VaultId = Id<struct VaultTag>;
using SecretId = Id<struct SecretTag>;
using EventId = Id<struct EventTag>;
using TokenId = Id<struct TokenTag>;  // `jti`
using AgentId = Id<struct AgentTag>;
using KeyId = Id<struct KeyTag>;  // a personal API key

}  // namespace claviger

template <class Tag>
struct std::hash<claviger::Id<Tag>> {
  size_t operator()(const claviger::Id<Tag>& id) const noexcept {
    return std::hash<std::string_view>{}(claviger::AsText(id.Bytes()));
  }
};
