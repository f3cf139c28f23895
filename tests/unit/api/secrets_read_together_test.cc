#include "tests/unit/api/secrets_batch_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

TEST_CASE_FIXTURE(SecretsBatchFixture, "of mixed reads each has the answer it has alone, or none") {
  constexpr size_t kLongest = 64 * 1024 - 28;  // with IV and tag
  Put("own", Value("first"));
  auto rich = Value("second");
  rich.type = "password";
  rich.metadata = R"({"a":1})";
  rich.expires_at = clock.Now() + std::chrono::hours(1);
  Put("own", std::move(rich));
  for (const char* path : {"other", "value-tampered", "key-tampered", "one", "two", "old-name", "moved",
                           "without-version", "other-kek-version", "deleted"}) {
    Put(path);
  }
  Put("longest", Value(std::string(kLongest, 'x')));
  Put("too-long", Value(std::string(kLongest + 1, 'x')));
  auto brief = Value("v");
  brief.expires_at = clock.Now() + std::chrono::seconds(1);
  Put("expired", std::move(brief));
  for (const char* path : {"limited", "used-up"}) {
    auto limited = Value("v");
    limited.max_access_count = 1;
    Put(path, std::move(limited));
  }
  Must(Get({alice, vault, "used-up"}));
  Must(Put({{bob, bobs_vault, "own"}, Value("bob's")}));
  Must(Put({{alice, second_vault, "own"}, Value("of the second vault")}));
  Must(Put({{alice, damaged_vault, "own"}, Value("v")}));
  {
    auto draft = Draft();
    Must(secrets.Delete({alice, client}, vault, "deleted", draft));
  }
  clock.Advance(std::chrono::seconds(2));
  Tamper("ciphertext", "value-tampered");
  Tamper("sealed_dek", "key-tampered");
  TamperKek(damaged_vault);
  Sql("UPDATE secret_versions r SET ciphertext = (SELECT ciphertext FROM secret_versions WHERE secret_id = "
      "(SELECT id FROM secrets WHERE path = 'two')) FROM secrets s WHERE s.id = secret_id AND path = 'one'");
  Sql("UPDATE secrets SET path = 'new-name' WHERE path = 'old-name'");
  Sql("UPDATE secrets SET vault_id = $1 WHERE path = 'moved'", {second_vault});
  Sql("DELETE FROM secret_versions USING secrets WHERE id = secret_id AND path = 'without-version'");
  Sql("INSERT INTO vault_keks SELECT org_id, vault_id, 2, root_version, blob, check_record, created_at "
      "FROM vault_keks WHERE vault_id = $1",
      {vault});
  Sql("UPDATE secret_versions SET kek_version = 2 FROM secrets "
      "WHERE id = secret_id AND path = 'other-kek-version'");
  CopyToBob("other");

  struct Case {
    Place place;
    std::optional<ErrorKind> alone;  // why it fails alone
    bool together = false;
  };
  const Case cases[] = {
      {{alice, vault, "own"}, {}, true},
      {{alice, no_vault, "own"}, ErrorKind::kNotFound},
      {{alice, vault, "absent"}, ErrorKind::kNotFound},
      {{bob, bobs_vault, "own"}, {}, true},
      {{alice, bobs_vault, "own"}, ErrorKind::kNotFound},
      {{bob, vault, "own"}, ErrorKind::kNotFound},
      {{colleague, vault, "own"}, ErrorKind::kForbidden},
      {{colleague, vault, "absent"}, ErrorKind::kForbidden},
      {{alice, second_vault, "own"}, {}, true},
      {{alice, damaged_vault, "own"}, ErrorKind::kIntegrity},
      {{alice, vault, "value-tampered"}, ErrorKind::kIntegrity},
      {{alice, vault, "key-tampered"}, ErrorKind::kIntegrity},
      {{alice, vault, "one"}, ErrorKind::kIntegrity},
      {{alice, vault, "two"}, {}, true},
      {{alice, vault, "old-name"}, ErrorKind::kNotFound},
      {{alice, vault, "new-name"}, ErrorKind::kIntegrity},
      {{alice, second_vault, "moved"}, ErrorKind::kIntegrity},
      {{bob, bobs_vault, "other"}, ErrorKind::kIntegrity},
      {{alice, vault, "other"}, {}, true},
      {{alice, vault, "without-version"}, ErrorKind::kIntegrity},
      {{alice, vault, "other-kek-version"}, ErrorKind::kIntegrity},
      {{alice, vault, "longest"}, {}, true},
      {{alice, vault, "too-long"}, {}},
      {{alice, vault, "deleted"}, ErrorKind::kGone},
      {{alice, vault, "expired"}, ErrorKind::kGone},
      {{alice, vault, "limited"}, {}},
      {{alice, vault, "used-up"}, ErrorKind::kGone},
      {{alice, vault, "own"}, {}, true},
      {{alice, vault, ""}, ErrorKind::kNotFound},
      {{alice, vault, "a//b"}, ErrorKind::kNotFound},
      {{alice, vault, "ü"}, ErrorKind::kNotFound},
      {{alice, vault, std::string(2000, 'a')}, ErrorKind::kNotFound},
      {{alice, vault, "Own"}, ErrorKind::kNotFound},
  };
  std::vector<Place> places;
  for (const Case& one : cases) places.push_back(one.place);
  const int64_t records = Count("SELECT count(*) FROM audit_events");
  const int64_t accesses = Count("SELECT sum(access_count)::bigint FROM secret_versions");
  std::vector<AuditDraft> drafts;
  const auto answers = GetTogether(places, &drafts);
  CHECK(Count("SELECT count(*) FROM audit_events") == records);
  CHECK(Count("SELECT sum(access_count)::bigint FROM secret_versions") == accesses);

  for (size_t i = 0; i < places.size(); ++i) {
    CAPTURE(i);
    CAPTURE(places[i].path);
    auto draft = DraftFor(places[i].who, "secret.read");
    const auto alone = secrets.Get({{places[i].who, client}, places[i].vault, places[i].path, draft});
    CHECK(answers[i].has_value() == cases[i].together);
    if (cases[i].alone) {
      REQUIRE(!alone);
      CHECK(alone.error().kind == *cases[i].alone);
    } else {
      REQUIRE(alone);
    }
    if (!answers[i]) continue;
    CheckSame(answers[i]->about, alone.value().about);
    CHECK(answers[i]->about.version == alone.value().about.version);
    CHECK(answers[i]->created_by == alone.value().created_by);
    CHECK(answers[i]->value == alone.value().value);
    CHECK(!drafts[i].committed());
    const auto record = audit.Finish(drafts[i], "success"), expected = audit.Finish(draft, "success");
    CHECK(record.org == expected.org);
    CHECK(record.resource_type == expected.resource_type);
    CHECK(record.resource_id == expected.resource_id);
    CHECK(record.details == expected.details);
  }
  CHECK(answers[0]->value.Text() == "second");
  CHECK(answers[0]->about.expires_at.has_value());
  CHECK(answers[3]->value.Text() == "bob's");
}

TEST_CASE_FIXTURE(SecretsBatchFixture, "reads together need database and HSM, and say nothing without") {
  Put("a");
  const std::vector<Place> places(3, {alice, vault, "a"});
  const std::vector<bool> none(3, false), all(3, true);
  keyring.SetUnavailable(true);
  CHECK(Answered(GetTogether(places)) == none);
  keyring.SetUnavailable(false);
  CHECK(Answered(GetTogether(places)) == all);
  Server().Stop();
  const auto without = Answered(GetTogether(places));
  Server().Start();
  CHECK(without == none);
  CHECK(GetTogether({}).empty());
}
