#pragma once
// All policies of one vault, compiled once and then asked on every request. Policies only allow: one that
// names the principal, matches the path, has the permission, has not expired and whose conditions hold is
// enough.
//
// A principal is looked up by its type and id and has a tree of its own patterns; nothing of it is ever read
// as a pattern. What a decision costs does not depend on how many policies there are, save those that end at
// one place of the tree and differ in their conditions only.

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/access/conditions.h"
#include "api/access/path_tree.h"
#include "api/access/permission.h"
#include "api/access/principal.h"
#include "base/error.h"

namespace claviger::api {

class PolicySet {
 public:
  struct Policy {
    PrincipalType principal_type = PrincipalType::kUser;
    Uuid principal{};
    std::string_view pattern;
    Permissions permissions;
    std::string_view conditions;  // canonical text: equal ones are kept once
    std::optional<Time> expires_at;
  };
  // As stored; kIntegrity if it is none.
  Status Add(const Policy& policy);

  // `path` may be any text that a client asked for.
  bool Allow(const Principal& principal, const Circumstances& circumstances, Permission permission,
             std::string_view path) const;
  // Whether the principal has a policy here that has not expired, whatever it allows.
  bool Concern(const Principal& principal, Time now) const;
  bool empty() const { return holders_.empty(); }
  // Of memory, about.
  size_t Bytes() const;

 private:
  struct Rule {
    Permissions permissions;
    Time expires_at{};
    const Conditions* conditions;  // in conditions_; null: none
  };
  struct Holder {
    PathTree::Node root;
    Time until{};  // its last policy expires
  };
  struct Name {
    PrincipalType type;
    Uuid id{};
    friend bool operator==(const Name&, const Name&) = default;
  };
  struct NameHash {
    size_t operator()(const Name& name) const {
      return boost::uuids::hash_value(name.id) ^ static_cast<size_t>(name.type);
    }
  };
  Result<const Conditions*> Keep(std::string_view text);
  static bool Allows(const std::vector<Rule>& rules, const Circumstances& circumstances,
                     Permission permission);

  std::unordered_map<Name, Holder, NameHash> holders_;
  PathTree patterns_;
  std::unordered_map<PathTree::Node, std::vector<Rule>> rules_;  // by where their patterns end
  std::unordered_map<std::string, Conditions> conditions_;       // by their text
  size_t bytes_ = 0;
};

}  // namespace claviger::api
