#include <doctest/doctest.h>

#include "api/access/authorize.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::api;

namespace {

constexpr Permission kAll[] = {Permission::kRead, Permission::kWrite, Permission::kDelete, Permission::kList,
                               Permission::kManage};

struct Fixture {
  Fixture() {
    creator.id = NewUuidV7(clock, random);
    creator.org = OrgId{NewUuidV7(clock, random)};
    vault = {creator.org, VaultId{NewUuidV7(clock, random)}, PrincipalType::kUser, creator.id};
    colleague = creator;
    colleague.id = NewUuidV7(clock, random);
  }
  fakes::FakeClock clock;
  fakes::FakeRandom random;
  Principal creator;
  Principal colleague;
  VaultFacts vault;
};

ErrorKind Refusal(const Result<Grant>& answer) {
  REQUIRE(!answer.has_value());
  return answer.error().kind;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a vault's creator may do everything, and the grant says what") {
  for (const auto permission : kAll) {
    const auto grant = Authorize(creator, permission, vault, "a/b");
    REQUIRE(grant.has_value());
    CHECK(grant.value().org() == vault.org);
    CHECK(grant.value().vault() == vault.id);
    CHECK(grant.value().permission() == permission);
  }
}

TEST_CASE_FIXTURE(Fixture, "nobody else may touch secrets, not even the organisation's owner") {
  for (const auto role : {Role::kMember, Role::kAdmin, Role::kOwner}) {
    colleague.role = role;
    for (const auto permission :
         {Permission::kRead, Permission::kWrite, Permission::kDelete, Permission::kList}) {
      const auto answer = Authorize(colleague, permission, vault, "a");
      CHECK(Refusal(answer) == ErrorKind::kForbidden);
      CHECK(answer.error().detail == "Insufficient permissions");
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "owners and admins may manage the vaults of others, members and agents may not") {
  for (const auto role : {Role::kAdmin, Role::kOwner}) {
    colleague.role = role;
    CHECK(Authorize(colleague, Permission::kManage, vault, "").has_value());
    colleague.type = PrincipalType::kAgent;
    CHECK(Refusal(Authorize(colleague, Permission::kManage, vault, "")) == ErrorKind::kForbidden);
    colleague.type = PrincipalType::kUser;
  }
  colleague.role = Role::kMember;
  CHECK(Refusal(Authorize(colleague, Permission::kManage, vault, "")) == ErrorKind::kForbidden);
}

TEST_CASE_FIXTURE(Fixture, "an auditor may do nothing, not even with a vault of their own making") {
  for (auto* who : {&creator, &colleague}) {
    who->role = Role::kAuditor;
    for (const auto permission : kAll) {
      CHECK(Refusal(Authorize(*who, permission, vault, "a")) == ErrorKind::kForbidden);
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a vault of another organisation does not exist, whoever asks") {
  creator.org = OrgId{NewUuidV7(clock, random)};
  creator.role = Role::kOwner;
  for (const auto permission : kAll) {
    CHECK(Refusal(Authorize(creator, permission, vault, "a")) == ErrorKind::kNotFound);
  }
}

TEST_CASE_FIXTURE(Fixture, "an agent with the creator's id is another principal") {
  creator.type = PrincipalType::kAgent;
  CHECK(Refusal(Authorize(creator, Permission::kRead, vault, "a")) == ErrorKind::kForbidden);
}

TEST_CASE_FIXTURE(Fixture, "nil ids match nothing") {
  CHECK(Refusal(Authorize(Principal{}, Permission::kRead, VaultFacts{}, "a")) == ErrorKind::kNotFound);
  creator.id = Uuid{};
  vault.created_by = Uuid{};
  CHECK(Refusal(Authorize(creator, Permission::kRead, vault, "a")) == ErrorKind::kNotFound);
}

TEST_CASE_FIXTURE(Fixture,
                  "an agent that is bound to other vaults may do nothing, not even in a vault it made") {
  creator.type = vault.created_by_type = PrincipalType::kAgent;
  creator.vaults = {VaultId{NewUuidV7(clock, random)}};
  for (const auto permission : kAll) {
    CHECK(Refusal(Authorize(creator, permission, vault, "a")) == ErrorKind::kForbidden);
  }
  CHECK(!CheckBinding(creator, vault.id));
  CHECK(!CheckBinding(creator, VaultId{}));
  creator.vaults.push_back(vault.id);
  CHECK(CheckBinding(creator, vault.id));
  for (const auto permission : kAll) CHECK(Authorize(creator, permission, vault, "a").has_value());
}

TEST_CASE_FIXTURE(Fixture, "a vault that nobody made is the daemon's own") {
  vault.created_by = Uuid{};
  for (const auto role : {Role::kMember, Role::kAdmin, Role::kOwner}) {
    creator.role = role;
    for (const auto permission : kAll) {
      CHECK(Refusal(Authorize(creator, permission, vault, "a")) == ErrorKind::kForbidden);
    }
  }
  const auto grant = AuthorizeDaemon(vault);
  REQUIRE(grant.has_value());
  CHECK(grant.value().vault() == vault.id);
  vault.created_by = creator.id;
  CHECK(Refusal(AuthorizeDaemon(vault)) == ErrorKind::kInternal);
}
