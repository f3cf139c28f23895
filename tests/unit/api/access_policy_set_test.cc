#include <doctest/doctest.h>

#include "api/access/policy_set.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::api;

namespace {

constexpr Permissions kRead{.read = true};
constexpr Permissions kWrite{.write = true};
constexpr Permissions kRemove{.remove = true};

struct Fixture {
  Fixture() {
    agent.type = PrincipalType::kAgent;
    agent.id = NewUuidV7(clock, random);
    person.id = NewUuidV7(clock, random);
  }
  void Add(const Principal& who, const char* pattern, const Permissions& permissions = kRead,
           const char* conditions = "{}", const std::optional<Time>& expires_at = std::nullopt) {
    REQUIRE(set.Add({who.type, who.id, pattern, permissions, conditions, expires_at}).has_value());
  }
  bool Allow(const Principal& who, const char* path, Permission permission = Permission::kRead) {
    return set.Allow(who, {address, clock.Now()}, permission, path);
  }

  fakes::FakeClock clock;
  fakes::FakeRandom random;
  Principal agent, person;
  std::optional<IpAddress> address = ParseIpAddress("192.0.2.7");
  PolicySet set;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "an empty set allows nobody anything") {
  CHECK(set.empty());
  CHECK_FALSE(Allow(agent, "a"));
  CHECK_FALSE(set.Concern(agent, clock.Now()));
}

TEST_CASE_FIXTURE(Fixture, "a policy allows whom it names what it names where it matches") {
  Add(agent, "db/*");
  CHECK(Allow(agent, "db/password"));
  CHECK_FALSE(Allow(agent, "db/a/b"));
  CHECK_FALSE(Allow(agent, "tls/key"));
  CHECK_FALSE(Allow(person, "db/password"));
  for (const auto other :
       {Permission::kWrite, Permission::kDelete, Permission::kManage, Permission::kGrant}) {
    CHECK_FALSE(Allow(agent, "db/password", other));
  }
}

TEST_CASE_FIXTURE(Fixture, "a person and an agent of one id are two") {
  Principal namesake = person;
  namesake.type = PrincipalType::kAgent;
  Add(namesake, "**");
  CHECK(Allow(namesake, "a"));
  CHECK_FALSE(Allow(person, "a"));
  CHECK_FALSE(set.Concern(person, clock.Now()));
}

TEST_CASE_FIXTURE(Fixture, "no permission implies another, but who may write may delete") {
  Add(agent, "w", kWrite);
  Add(agent, "d", kRemove);
  CHECK_FALSE(Allow(agent, "w", Permission::kRead));
  CHECK(Allow(agent, "w", Permission::kWrite));
  CHECK(Allow(agent, "w", Permission::kDelete));
  CHECK_FALSE(Allow(agent, "d", Permission::kRead));
  CHECK_FALSE(Allow(agent, "d", Permission::kWrite));
  CHECK(Allow(agent, "d", Permission::kDelete));
}

TEST_CASE_FIXTURE(Fixture, "any one policy is enough") {
  Add(agent, "a/**", kRead, R"({"ip_allowlist":["198.51.100.1"]})");
  Add(agent, "a/**", kRead, R"({"ip_allowlist":["198.51.100.1"]})");
  Add(agent, "a/**", kWrite);
  CHECK_FALSE(Allow(agent, "a/b"));
  Add(agent, "a/**", kRead, R"({"ip_allowlist":["192.0.2.0/24"]})");
  CHECK(Allow(agent, "a/b"));
  address.reset();
  CHECK_FALSE(Allow(agent, "a/b"));
  Add(agent, "*/b");
  CHECK(Allow(agent, "a/b"));
}

TEST_CASE_FIXTURE(Fixture, "an expired policy allows nothing and counts for nothing") {
  Add(agent, "a", kRead, "{}", clock.Now() + std::chrono::seconds(10));
  Add(agent, "b", kRead, "{}", clock.Now() + std::chrono::seconds(5));
  CHECK(Allow(agent, "b"));
  clock.Advance(std::chrono::seconds(5));
  CHECK_FALSE(Allow(agent, "b"));
  CHECK(Allow(agent, "a"));
  CHECK(set.Concern(agent, clock.Now()));
  clock.Advance(std::chrono::seconds(5));
  CHECK_FALSE(Allow(agent, "a"));
  CHECK_FALSE(set.Concern(agent, clock.Now()));
  Add(agent, "c", kWrite);
  CHECK(set.Concern(agent, clock.Now()));
}

TEST_CASE_FIXTURE(Fixture, "what is stored and no policy is refused") {
  const auto refused = [&](const PolicySet::Policy& policy) {
    const auto added = set.Add(policy);
    return !added && added.error().kind == ErrorKind::kIntegrity;
  };
  const PolicySet::Policy sound{agent.type, agent.id, "a", kRead, "{}", std::nullopt};
  for (const char* pattern : {"", "a//b", "a b", "a**"}) {
    auto policy = sound;
    policy.pattern = pattern;
    CHECK(refused(policy));
  }
  auto policy = sound;
  policy.permissions = {};
  CHECK(refused(policy));
  policy = sound;
  policy.principal = Uuid{};
  CHECK(refused(policy));
  policy = sound;
  for (const char* conditions : {"[]", "{\"unknown\":1}", "{"}) {
    policy.conditions = conditions;
    CHECK(refused(policy));
  }
  CHECK_FALSE(Allow(agent, "a"));
  CHECK_FALSE(refused(sound));
}

TEST_CASE_FIXTURE(Fixture, "ten thousand policies of one principal decide as each of them alone") {
  for (int n = 0; n < 10'000; ++n) {
    Add(agent, ("app-" + std::to_string(n % 100) + "/part-" + std::to_string(n / 100) + "-*/key").c_str());
  }
  CHECK(Allow(agent, "app-42/part-17-x/key"));
  CHECK_FALSE(Allow(agent, "app-42/part-100-x/key"));
  CHECK_FALSE(Allow(agent, "app-100/part-17-x/key"));
  CHECK_FALSE(Allow(agent, "app-42/part-17-x/keys"));
  CHECK_FALSE(Allow(agent, "app-42/part-17-x"));
  CHECK(set.Bytes() > 10'000 * 64);
  CHECK(set.Bytes() < 10'000 * 1024);
}
