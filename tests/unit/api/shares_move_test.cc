// Shares while the installation moves to another lookup key.

#include "api/access/lookups_store.h"
#include "api/shares/share_finder.h"
#include "api/shares/shares.h"
#include "tests/unit/api/secrets_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : SecretsFixture {
  NewShare Share(uint32_t max_access_count = 0) {
    auto draft = Draft();
    CreateShareRequest request;
    request.expires_at = clock.Now() + std::chrono::hours(1);
    request.max_access_count = max_access_count;
    clock.Advance(std::chrono::microseconds(1));  // ids of one instant have no order
    return Must(shares.Create({alice, client}, secret, request, "vault.example.org", {}, draft));
  }
  Result<shares_store::Share> Find(const LinkId& link) {
    auto draft = Draft();
    const std::string text = link.ToString();
    return finder.Find({text, client}, draft);
  }
  std::vector<Shares::Listed> List() {
    return Must(shares.List(alice, Shares::Direction::kOutbound, std::nullopt, 100)).items;
  }
  int64_t UnderOlder() {
    auto lease = Must(pool.Acquire());
    const auto counts = Must(lookups_store::CountUnderOlder(*lease, 2, clock.Now()));
    if (counts.empty()) return 0;
    CHECK(counts[0].kind == "share links");
    return counts[0].count;
  }

  RefusalDigest refusals{clock};
  GuessBudgets guesses{{}, Bytes(32, 1), {pool, clock, QuietLog(), refusals}};
  ShareFinder finder{pool, keyring, guesses};
  Mail mail{{}, {keyring, pool, clock, random}};
  Shares shares{{.memory_kib = 64, .passes = 1, .lanes = 1},
                {pool, keyring, finder, secrets, mail, audit, guesses, clock, random}};
  SecretId secret = Must(Put(alice, "db/password")).id;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a link vouches by the lookup key of its time, whatever the row says") {
  const auto before = Share();
  CHECK(UnderOlder() == 1);
  keyring.RotateLookupKey();
  const auto after = Share();
  CHECK(UnderOlder() == 1);
  for (const auto& share : {before, after}) CHECK(Find(share.id).has_value());
  const auto listed = List();
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].share.id == before.id);
  CHECK(listed[1].share.id == after.id);
  CHECK_FALSE(listed[0].share.expired);

  Sql("UPDATE shares SET lookup_version = 3 - lookup_version");
  for (const auto& share : {before, after}) CHECK(Find(share.id).error().kind == ErrorKind::kIntegrity);
  CHECK(shares.List(alice, Shares::Direction::kOutbound, std::nullopt, 100).error().kind ==
        ErrorKind::kIntegrity);
}

TEST_CASE_FIXTURE(Fixture, "a share whose lookup key is gone has ended, and is listed so among the others") {
  const auto before = Share();
  const ShareId row = Must(Find(before.id)).terms.id;
  keyring.RotateLookupKey();
  const auto after = Share();
  keyring.DropOlderLookupKey();
  CHECK(Find(before.id).error().kind == ErrorKind::kNotFound);
  CHECK(Find(after.id).has_value());
  const auto listed = List();
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].share.expired);
  CHECK(listed[0].share.id.uuid == row.uuid);
  CHECK_FALSE(listed[1].share.expired);
  Principal owner = alice;
  owner.role = Role::kOwner;
  auto draft = Draft();
  const std::string name_of_row = row.ToString();
  CHECK(shares.Revoke(owner, {name_of_row, client}, draft));
  CHECK(List().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "shares that have ended are not counted") {
  Share(1);
  Share();
  CHECK(UnderOlder() == 2);
  Sql("UPDATE shares SET access_count = 1 WHERE max_access_count = 1");
  CHECK(UnderOlder() == 1);
  clock.Advance(std::chrono::hours(1));
  CHECK(UnderOlder() == 0);
}
