#include <doctest/doctest.h>

#include "api/access/authorize.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::api;

namespace {

constexpr Permission kSecrets[] = {Permission::kRead, Permission::kWrite, Permission::kDelete,
                                   Permission::kList};
constexpr Permission kVault[] = {Permission::kManage, Permission::kGrant};
const std::optional<IpAddress> kNowhere;

struct Fixture {
  Fixture() {
    creator.id = NewUuidV7(clock, random);
    creator.org = OrgId{NewUuidV7(clock, random)};
    vault = {creator.org, VaultId{NewUuidV7(clock, random)}, PrincipalType::kUser, creator.id};
    colleague = creator;
    colleague.id = NewUuidV7(clock, random);
  }
  Result<Grant> Ask(const Principal& who, Permission permission, const char* path = "a") {
    return Authorize({who, {kNowhere, clock.Now()}}, permission, vault,
                     policies.empty() ? nullptr : &policies, path);
  }
  Result<Grant> Manage(const Principal& who, Permission permission) {
    return AuthorizeManager(who, permission, vault);
  }
  bool ShowsTo(const Principal& who, const char* path) {
    return MayRead({who, {kNowhere, clock.Now()}}, vault, &policies, path);
  }
  void Add(const Principal& who, const char* pattern, const Permissions& permissions = {.read = true},
           const std::optional<Time>& expires_at = std::nullopt) {
    REQUIRE(policies.Add({who.type, who.id, pattern, permissions, "{}", expires_at}).has_value());
  }
  Principal Agent() {
    Principal agent = colleague;
    agent.type = PrincipalType::kAgent;
    agent.id = NewUuidV7(clock, random);
    return agent;
  }
  fakes::FakeClock clock;
  fakes::FakeRandom random;
  Principal creator;
  Principal colleague;
  VaultFacts vault;
  PolicySet policies;
};

ErrorKind Refusal(const Result<Grant>& answer) {
  REQUIRE(!answer.has_value());
  return answer.error().kind;
}

// The word for the audit log; always with the same text for the caller.
std::string Reason(const Result<Grant>& answer) {
  CHECK(Refusal(answer) == ErrorKind::kForbidden);
  CHECK(answer.error().detail == "Insufficient permissions");
  return answer.error().cause;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a vault's creator may do everything, and the grant says what") {
  const auto check = [&](const Result<Grant>& grant, Permission permission) {
    REQUIRE(grant.has_value());
    CHECK(grant.value().org() == vault.org);
    CHECK(grant.value().vault() == vault.id);
    CHECK(grant.value().permission() == permission);
  };
  for (const auto permission : kSecrets) check(Ask(creator, permission, "a/b"), permission);
  for (const auto permission : kVault) check(Manage(creator, permission), permission);
}

TEST_CASE_FIXTURE(Fixture,
                  "without a policy nobody else may touch secrets, not even the organisation's owner") {
  for (const auto role : {Role::kMember, Role::kAdmin, Role::kOwner}) {
    colleague.role = role;
    for (const auto permission : kSecrets) CHECK(Reason(Ask(colleague, permission)) == "no_policy");
    CHECK_FALSE(ShowsTo(colleague, "a"));
  }
}

TEST_CASE_FIXTURE(Fixture, "owners and admins manage the vaults of others, members and agents do not") {
  for (const auto permission : kVault) {
    for (const auto role : {Role::kAdmin, Role::kOwner}) {
      colleague.role = role;
      CHECK(Manage(colleague, permission).has_value());
      colleague.type = PrincipalType::kAgent;
      CHECK(Reason(Manage(colleague, permission)) == "not_manager");
      colleague.type = PrincipalType::kUser;
    }
    colleague.role = Role::kMember;
    CHECK(Reason(Manage(colleague, permission)) == "not_manager");
    Add(colleague, "**", {.read = true, .write = true, .remove = true});
    CHECK(Reason(Manage(colleague, permission)) == "not_manager");
  }
}

TEST_CASE_FIXTURE(Fixture, "a policy gives what it says where it matches") {
  Add(colleague, "db/**");
  CHECK(Ask(colleague, Permission::kRead, "db/password").has_value());
  CHECK(Reason(Ask(colleague, Permission::kRead, "tls/key")) == "no_policy");
  CHECK(Reason(Ask(colleague, Permission::kWrite, "db/password")) == "no_policy");
  CHECK(Ask(colleague, Permission::kList, "").has_value());
  CHECK(ShowsTo(colleague, "db/password"));
  CHECK_FALSE(ShowsTo(colleague, "tls/key"));
}

TEST_CASE_FIXTURE(Fixture, "p, p/ and the list decide alike") {
  Add(colleague, "p");
  for (const char* path : {"p/", "/p", "p//", "p/*", "./p", "p/.", "x/../p", "p%2F", "P", ""}) {
    CAPTURE(path);
    CHECK(Reason(Ask(colleague, Permission::kRead, path)) == "no_policy");
    CHECK_FALSE(ShowsTo(colleague, path));
  }
  CHECK(Ask(colleague, Permission::kRead, "p").has_value());
  CHECK(ShowsTo(colleague, "p"));
}

TEST_CASE_FIXTURE(Fixture, "who may only write may list, and is shown nothing") {
  Add(colleague, "**", {.write = true});
  CHECK(Ask(colleague, Permission::kList, "").has_value());
  CHECK_FALSE(ShowsTo(colleague, "a"));
}

TEST_CASE_FIXTURE(Fixture, "whose last policy has expired may not even list") {
  Add(colleague, "**", {.read = true}, clock.Now() + std::chrono::seconds(1));
  CHECK(Ask(colleague, Permission::kList, "").has_value());
  clock.Advance(std::chrono::seconds(1));
  CHECK(Reason(Ask(colleague, Permission::kList, "")) == "no_policy");
  CHECK(Reason(Ask(colleague, Permission::kRead)) == "no_policy");
}

TEST_CASE_FIXTURE(Fixture, "the scopes of an agent's token are a ceiling over its policies") {
  Principal agent = Agent();
  Add(agent, "**");
  agent.scopes = CompileScopes({"db/*"});
  CHECK(Ask(agent, Permission::kRead, "db/password").has_value());
  CHECK(Reason(Ask(agent, Permission::kRead, "tls/key")) == "token_scope");
  CHECK(Reason(Ask(agent, Permission::kWrite, "db/password")) == "no_policy");
  CHECK(ShowsTo(agent, "db/password"));
  CHECK_FALSE(ShowsTo(agent, "tls/key"));
  agent.scopes = CompileScopes({});
  CHECK(Reason(Ask(agent, Permission::kRead, "db/password")) == "token_scope");
  agent.scopes.reset();
  CHECK(Ask(agent, Permission::kRead, "tls/key").has_value());
}

TEST_CASE_FIXTURE(Fixture, "scopes do not limit an agent in a vault that it made") {
  creator.type = vault.created_by_type = PrincipalType::kAgent;
  creator.scopes = CompileScopes({});
  for (const auto permission : kSecrets) CHECK(Ask(creator, permission).has_value());
  CHECK(ShowsTo(creator, "a"));
}

TEST_CASE_FIXTURE(Fixture, "an auditor may do nothing, not even with a vault of their own making") {
  for (auto* who : {&creator, &colleague}) {
    who->role = Role::kAuditor;
    Add(*who, "**", {.read = true, .write = true, .remove = true});
    for (const auto permission : kSecrets) CHECK(Reason(Ask(*who, permission)) == "auditor");
    for (const auto permission : kVault) CHECK(Reason(Manage(*who, permission)) == "auditor");
  }
}

TEST_CASE_FIXTURE(Fixture, "a vault of another organisation does not exist, whoever asks") {
  Add(creator, "**");
  creator.org = OrgId{NewUuidV7(clock, random)};
  creator.role = Role::kOwner;
  for (const auto permission : kSecrets) CHECK(Refusal(Ask(creator, permission)) == ErrorKind::kNotFound);
  for (const auto permission : kVault) CHECK(Refusal(Manage(creator, permission)) == ErrorKind::kNotFound);
}

TEST_CASE_FIXTURE(Fixture, "an agent with the creator's id is another principal") {
  creator.type = PrincipalType::kAgent;
  CHECK(Reason(Ask(creator, Permission::kRead)) == "no_policy");
  CHECK(Reason(Manage(creator, Permission::kManage)) == "not_manager");
}

TEST_CASE_FIXTURE(Fixture, "nil ids match nothing") {
  creator.id = Uuid{};
  vault.created_by = Uuid{};
  CHECK(Refusal(Ask(creator, Permission::kRead)) == ErrorKind::kNotFound);
  CHECK(Refusal(Manage(creator, Permission::kManage)) == ErrorKind::kNotFound);
  creator = Principal{};
  vault = VaultFacts{};
  CHECK(Refusal(Ask(creator, Permission::kRead)) == ErrorKind::kNotFound);
  CHECK(Refusal(Manage(creator, Permission::kManage)) == ErrorKind::kNotFound);
}

TEST_CASE_FIXTURE(Fixture,
                  "an agent that is bound to other vaults may do nothing, not even in a vault it made") {
  creator.type = vault.created_by_type = PrincipalType::kAgent;
  creator.vaults = {VaultId{NewUuidV7(clock, random)}};
  Add(creator, "**");
  for (const auto permission : kSecrets) CHECK(Reason(Ask(creator, permission)) == "vault_binding");
  for (const auto permission : kVault) CHECK(Reason(Manage(creator, permission)) == "vault_binding");
  CHECK(!CheckBinding(creator, vault.id));
  CHECK(!CheckBinding(creator, VaultId{}));
  creator.vaults.push_back(vault.id);
  CHECK(CheckBinding(creator, vault.id));
  for (const auto permission : kSecrets) CHECK(Ask(creator, permission).has_value());
  for (const auto permission : kVault) CHECK(Manage(creator, permission).has_value());
}

TEST_CASE_FIXTURE(Fixture,
                  "of the daemon's own vault owners and admins manage the policies, and nothing else") {
  vault.created_by = Uuid{};
  for (const auto role : {Role::kMember, Role::kAdmin, Role::kOwner}) {
    creator.role = role;
    for (const auto permission : kSecrets) CHECK(Reason(Ask(creator, permission)) == "no_policy");
    CHECK(Reason(Manage(creator, Permission::kManage)) == "not_manager");
    CHECK(Manage(creator, Permission::kGrant).has_value() == (role != Role::kMember));
  }
  Principal agent = Agent();
  CHECK(Reason(Manage(agent, Permission::kGrant)) == "not_manager");
  Add(agent, "agents/me/**");
  CHECK(Ask(agent, Permission::kRead, "agents/me/ssh/private_key").has_value());
  CHECK(Reason(Ask(agent, Permission::kRead, "agents/other/ssh/private_key")) == "no_policy");
  const auto grant = AuthorizeDaemon(vault);
  REQUIRE(grant.has_value());
  CHECK(grant.value().vault() == vault.id);
  vault.created_by = creator.id;
  CHECK(Refusal(AuthorizeDaemon(vault)) == ErrorKind::kInternal);
}

TEST_CASE_FIXTURE(Fixture, "the word of a refusal is noted in the audit record, and nothing of a success") {
  AuditDraft draft(http::Request{}, "secret.read", "getSecret");
  CHECK(Noted(draft, Ask(creator, Permission::kRead)).has_value());
  CHECK(draft.Finish(clock, random, "success").details.find("reason") == std::string::npos);
  CHECK(!Noted(draft, Ask(colleague, Permission::kRead)).has_value());
  CHECK(draft.Finish(clock, random, "denied").details.find("\"reason\":\"no_policy\"") != std::string::npos);
}
