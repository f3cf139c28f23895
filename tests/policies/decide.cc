// The daemon's own decisions, for a test that holds them to a reference written independently. Reads one
// vault a line, as JSON, and answers with a line: of each question the word of the refusal, or "yes".
//
//   {"vault": {"org", "id", "created_by_type", "created_by"},
//    "policies": [{"principal_type", "principal_id", "pattern", "permissions", "conditions", "expires_at"}],
//    "questions": [{"org", "type", "id", "vaults", "scopes", "address", "time", "permission", "path"}]}
//
// Ids are UUIDs; `scopes` and `address` may be null; `permission` "show" asks whether a list shows the path.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "api/access/authorize.h"
#include "api/policies/policies_wire.h"

using namespace claviger;
using namespace claviger::api;

namespace {

std::string Text(const Json& object, const char* name) { return object.at(name).get<std::string>(); }
Uuid UuidIn(const Json& object, const char* name) { return ParseUuid(Text(object, name)).value(); }
PrincipalType TypeIn(const Json& object, const char* name) {
  return Text(object, name) == "agent" ? PrincipalType::kAgent : PrincipalType::kUser;
}

VaultFacts ReadVault(const Json& json) {
  return {OrgId{UuidIn(json, "org")}, VaultId{UuidIn(json, "id")}, TypeIn(json, "created_by_type"),
          UuidIn(json, "created_by")};
}

PolicySet ReadPolicies(const Json& list) {
  PolicySet policies;
  for (const Json& json : list) {
    PolicyTerms terms;
    // By the daemon's own decoder, long before anything in the test expires.
    bool sound = ApplyUpdatePolicy(json.dump(), Time{}, terms).has_value();
    const std::string pattern = Text(json, "pattern");
    sound = sound && policies.Add({TypeIn(json, "principal_type"), UuidIn(json, "principal_id"), pattern,
                                   terms.permissions, terms.conditions, terms.expires_at});
    if (!sound) std::abort();  // the test is wrong
  }
  return policies;
}

Principal ReadPrincipal(const Json& json) {
  Principal principal;
  principal.type = TypeIn(json, "type");
  principal.id = UuidIn(json, "id");
  principal.org = OrgId{UuidIn(json, "org")};
  for (const Json& id : json.at("vaults"))
    principal.vaults.push_back(VaultId::Parse(id.get<std::string>()).value());
  if (!json.at("scopes").is_null()) principal.scopes = CompileScopes(json.at("scopes"));
  return principal;
}

std::string Answer(const Json& json, const VaultFacts& vault, const PolicySet& policies) {
  const Principal principal = ReadPrincipal(json);
  std::optional<IpAddress> address;
  if (!json.at("address").is_null()) address = ParseIpAddress(Text(json, "address"));
  const Asker asker{principal, {address, ParseTime(Text(json, "time")).value()}};
  const std::string permission = Text(json, "permission");
  const std::string path = Text(json, "path");
  const PolicySet* known = policies.empty() ? nullptr : &policies;
  if (permission == "show") return MayRead(asker, vault, known, path) ? "yes" : "no";
  const auto grant = Authorize(asker,
                               permission == "read"    ? Permission::kRead
                               : permission == "write" ? Permission::kWrite
                               : permission == "list"  ? Permission::kList
                                                       : Permission::kDelete,
                               vault, known, path);
  if (grant) return "yes";
  return grant.error().kind == ErrorKind::kNotFound ? "not_found" : grant.error().cause;
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const Json json = Json::parse(line);
    const VaultFacts vault = ReadVault(json.at("vault"));
    const PolicySet policies = ReadPolicies(json.at("policies"));
    Json answers = Json::array();
    for (const Json& question : json.at("questions")) answers.push_back(Answer(question, vault, policies));
    std::printf("%s\n", answers.dump().c_str());
    std::fflush(stdout);
  }
  return 0;
}
