#include "tests/unit/api/secrets_batch_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "a batch asks those policies that are in memory, and leaves out who needs others") {
  for (const char* path : {"db/a", "tls/key"}) Put(path);
  AddPolicy(vault, colleague, "db/*");
  const std::vector<Place> places = {
      {colleague, vault, "db/a"}, {colleague, vault, "tls/key"}, {alice, vault, "tls/key"}};
  std::vector<Write> writes = WritesOf({"db/a"});
  writes[0].place.who = colleague;
  const auto trust = [&] { book.TrustUntil(clock.Steady() + std::chrono::seconds(1)); };
  trust();
  CHECK(Answered(GetTogether(places)) == std::vector{false, false, true});
  Must(Get(places[0]));
  CHECK(Answered(GetTogether(places)) == std::vector{true, false, true});
  CHECK(Answered(PutTogether(writes)) == std::vector{false});
  Sql("UPDATE policies SET may_write = true");
  book.ForgetVault(vault);
  CHECK(Answered(PutTogether(writes)) == std::vector{false});
  CHECK(Must(Put(writes[0])).version == 2);
  CHECK(Answered(PutTogether(writes)) == std::vector{true});
  clock.Advance(std::chrono::seconds(1));  // the feed is stale
  CHECK(Answered(GetTogether(places)) == std::vector{false, false, true});
  CHECK(Answered(PutTogether(writes)) == std::vector{false});
  CHECK(Get(places[0]).has_value());
  CHECK(Must(Put(writes[0])).version == 4);
}

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "a page passes over what may not be read, up to a bound, and tells nothing of it") {
  AddPolicy(vault, colleague, "*/shown");
  for (const char* path : {"a/shown", "a/z", "c/shown"}) Put(path);
  Sql("INSERT INTO secrets SELECT s.org_id, s.vault_id, gen_random_uuid(), 'b/' || n, 1, NULL, now() "
      "FROM secrets s, generate_series(10000, 30000) n WHERE s.path = 'a/shown'");
  Sql("INSERT INTO secret_versions SELECT s.org_id, s.vault_id, s.id, 1, 'note', '{}', NULL, 0, 0, 'user', "
      "v.created_by, now(), 1, v.sealed_dek, v.ciphertext FROM secrets s, secret_versions v WHERE s.path "
      "LIKE 'b/%' "
      "AND v.secret_id = (SELECT id FROM secrets WHERE path = 'a/shown')");
  const auto list = [&](const Principal& who, std::string prefix, const std::optional<SecretId>& after,
                        int64_t limit) {
    auto draft = Draft();
    return secrets.List({who, client}, vault, {std::move(prefix), "", after, limit}, draft);
  };
  const auto first = Must(list(colleague, "", std::nullopt, 100));
  REQUIRE(first.items.size() == 1);
  CHECK(first.items[0].path == "a/shown");
  REQUIRE(first.next.has_value());  // 20,001 others and a/z lie between
  const auto second = Must(list(colleague, "", first.next, 100));
  REQUIRE(second.items.size() == 1);
  CHECK(second.items[0].path == "c/shown");
  CHECK_FALSE(second.next);

  const auto one = Must(list(alice, "", std::nullopt, 1));
  REQUIRE(one.items.size() == 1);
  CHECK(Must(list(alice, "", one.next, 1)).items[0].path == "a/z");
  CHECK_FALSE(Must(list(alice, "c", std::nullopt, 1)).next);
  const auto unknown = list(alice, "", SecretId{NewUuidV7(clock, random)}, 1);
  REQUIRE(!unknown);
  CHECK(unknown.error().kind == ErrorKind::kInvalid);
}
