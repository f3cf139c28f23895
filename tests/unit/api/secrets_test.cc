#include "api/secrets/secrets.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "api/vaults/vaults.h"
#include "crypto/random.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : Database {
  AuditDraft Draft() { return AuditDraft(http::Request{}, "test.action", "test"); }
  VaultId MakeVault() { return MakeVault(alice, "v"); }
  VaultId MakeVault(const Principal& who, const char* called) {
    auto draft = Draft();
    return Must(vaults.Create(who, {.name = called, .description = ""}, draft)).id;
  }
  Result<SecretMetadata> Put(const Principal& who, const char* path, std::string_view value = "value") {
    auto draft = Draft();
    PutSecretRequest request;
    request.value = SecretBytes(value);
    return secrets.Put({who, vault, path, request, draft});
  }
  // Of the same organisation, where only the creator of a vault may write into it.
  Principal Colleague() {
    Principal colleague = alice;
    colleague.id = NewUuidV7(clock, random);
    colleague.role = Role::kMember;
    return colleague;
  }

  crypto::SystemRandom random;  // of several threads at once
  AuditLog audit{pool, clock, random, QuietLog(), 10};
  Vaults vaults{pool, keyring, audit, clock, random};
  Secrets secrets{pool, keyring, audit, clock, random};
  Principal alice = AddUser();
  VaultId vault = MakeVault();
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "whoever may not write is refused at once, also while the path is being written") {
  Must(Put(alice, "a"));
  auto other = Connect("claviger_app", name);
  auto transaction = Must(other->Begin());
  Must(other->Run(testing::Sql("UPDATE secrets SET version = version"), {}));
  std::optional<Result<SecretMetadata>> written;
  std::thread writer([&] { written = Put(alice, "a"); });
  auto observer = Connect("postgres", name);
  while (
      Must(observer->Run(testing::Sql("SELECT count(*) FROM pg_locks WHERE NOT granted"), {})).Int8(0, 0) ==
      0) {
    std::this_thread::yield();
  }
  const auto refused = Put(Colleague(), "a");
  Must(transaction.Commit());
  writer.join();
  REQUIRE(!refused.has_value());
  CHECK(refused.error().kind != ErrorKind::kUnavailable);
  CHECK(Must(*std::move(written)).version == 2);
}

TEST_CASE_FIXTURE(Fixture, "of many writers of one path each writes a version of its own") {
  constexpr int kWriters = 20;
  std::vector<uint32_t> versions(kWriters);
  std::vector<std::thread> writers;
  for (auto& version : versions) {
    writers.emplace_back([&] {
      const auto written = Put(alice, "a");
      version = written.has_value() ? written.value().version : 0;
    });
  }
  for (auto& writer : writers) writer.join();
  std::sort(versions.begin(), versions.end());
  for (uint32_t i = 0; i < kWriters; ++i) CHECK(versions[i] == i + 1);
}

namespace {

PutSecretRequest Value(std::string_view value) {
  PutSecretRequest request;
  request.value = SecretBytes(value);
  return request;
}

// Lets a test act between the plan of a write and its commit: its seal draws random bytes then.
class Interruption final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    if (const auto act = std::exchange(meanwhile, nullptr)) act();
    random_.Fill(out);
  }
  std::function<void()> meanwhile;

 private:
  crypto::SystemRandom random_;
};

// A trigger on the commit of every new version; gone with the object.
struct AtCommit {
  AtCommit(Database& database, const char* action) : database_(database) {
    const std::string function =
        std::string("CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ") + action +
        "; RETURN NULL; END $$";
    database_.Sql(function.c_str());
    database_.Sql(
        "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON secret_versions DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION at_commit()");
  }
  ~AtCommit() { database_.Sql("DROP FUNCTION at_commit CASCADE"); }
  Database& database_;
};

struct BatchFixture : Fixture {
  struct Place {
    Principal who;
    VaultId vault;
    std::string path;
  };
  struct Write {
    Place place;
    PutSecretRequest request;
  };
  // As the pipeline makes it, but for the request.
  static AuditDraft DraftFor(const Principal& who, const char* action) {
    AuditDraft draft(http::Request{}, action, "test");
    draft.SetActor(who);
    return draft;
  }

  Result<Secret> Get(const Place& place) {
    auto draft = DraftFor(place.who, "secret.read");
    return secrets.Get({place.who, place.vault, place.path, draft});
  }
  // The answers, and what is to be said of them in the log.
  std::vector<std::optional<Secret>> GetTogether(const std::vector<Place>& places,
                                                 std::vector<AuditDraft>* drafts = nullptr) {
    std::vector<AuditDraft> own;
    auto& kept = drafts != nullptr ? *drafts : own;
    for (const Place& place : places) kept.push_back(DraftFor(place.who, "secret.read"));
    std::vector<Secrets::Read> reads;
    for (size_t i = 0; i < places.size(); ++i) {
      reads.push_back({places[i].who, places[i].vault, places[i].path, kept[i]});
    }
    auto answers = secrets.GetTogether(reads);
    REQUIRE(answers.size() == places.size());
    return answers;
  }

  Result<SecretMetadata> Put(const Write& write) {
    auto draft = DraftFor(write.place.who, "secret.write");
    return secrets.Put({write.place.who, write.place.vault, write.place.path, write.request, draft});
  }
  void Put(const char* path, PutSecretRequest request) {
    Must(Put({{alice, vault, path}, std::move(request)}));
  }
  void Put(const char* path) { Put(path, Value(path)); }
  using PutAnswers = std::vector<std::optional<Result<SecretMetadata>>>;
  PutAnswers PutTogether(const std::vector<Write>& writes) { return PutTogether(secrets, writes); }
  PutAnswers PutTogether(Secrets& by, const std::vector<Write>& writes) {
    std::vector<AuditDraft> drafts;
    for (const Write& write : writes) drafts.push_back(DraftFor(write.place.who, "secret.write"));
    std::vector<Secrets::Write> list;
    for (size_t i = 0; i < writes.size(); ++i) {
      const Place& place = writes[i].place;
      list.push_back({place.who, place.vault, place.path, writes[i].request, drafts[i]});
    }
    auto answers = by.PutTogether(list);
    REQUIRE(answers.size() == writes.size());
    for (size_t i = 0; i < writes.size(); ++i) {
      CHECK(drafts[i].committed() == (answers[i] && answers[i]->has_value()));
    }
    return answers;
  }
  // New values of these paths of alice's.
  std::vector<Write> WritesOf(const std::vector<std::string>& paths, const char* value = "new") {
    std::vector<Write> writes;
    for (const auto& path : paths) writes.push_back({{alice, vault, path}, Value(value)});
    return writes;
  }
  template <class T>
  static std::vector<bool> Answered(const std::vector<std::optional<T>>& answers) {
    std::vector<bool> answered;
    for (const auto& answer : answers) answered.push_back(answer.has_value());
    return answered;
  }

  void CheckSame(const SecretMetadata& one, const SecretMetadata& other) {
    CHECK(one.id == other.id);
    CHECK(one.path == other.path);
    CHECK(one.type == other.type);
    CHECK(one.metadata == other.metadata);
    CHECK(one.created_at == other.created_at);
    CHECK(one.expires_at == other.expires_at);
  }
  // Every secret has the versions 1, 2, ... up to its newest, and each has one record of its own.
  void CheckHistory() {
    CHECK(Count("SELECT count(*) FROM secrets s WHERE (SELECT array_agg(version ORDER BY version) "
                "FROM secret_versions r WHERE r.org_id = s.org_id AND r.secret_id = s.id) "
                "IS DISTINCT FROM (SELECT array_agg(n) FROM generate_series(1, s.version) n)") == 0);
    CHECK(
        Count("SELECT count(*) FROM secret_versions r JOIN secrets s ON s.org_id = r.org_id "
              "AND s.id = r.secret_id WHERE 1 <> (SELECT count(*) FROM audit_events e "
              "WHERE e.action = 'secret.write' AND e.outcome = 'success' AND e.org_id = r.org_id "
              "AND e.resource_id = r.secret_id::text AND e.actor_id = r.created_by::text "
              "AND e.details::json ->> 'path' = s.path AND e.details::json ->> 'vault_id' = s.vault_id::text "
              "AND (e.details::json ->> 'version')::int = r.version)") == 0);
    CHECK(Count("SELECT count(*) FROM secret_versions") == Records());
    CHECK(Count("SELECT count(*) FROM audit_events") == Count("SELECT count(*) FROM audit_pending"));
  }
  int64_t Records() { return Count("SELECT count(*) FROM audit_events WHERE action = 'secret.write'"); }
  uint32_t VersionAt(const char* path) {
    return static_cast<uint32_t>(
        Count("SELECT version::bigint FROM secrets WHERE vault_id = $1 AND path = $2", {vault, path}));
  }
  // Changes one bit of a column of the newest versions at a path of alice's vault.
  void Tamper(const char* column, const char* path) {
    const std::string sql = std::string("UPDATE secret_versions SET ") + column + " = set_byte(" + column +
                            ", 20, get_byte(" + column +
                            ", 20) # 1) WHERE secret_id = "
                            "(SELECT id FROM secrets WHERE vault_id = $1 AND path = $2)";
    Sql(sql.c_str(), {vault, path});
  }
  void TamperKek(const VaultId& whose) {
    Sql("UPDATE vault_keks SET blob = set_byte(blob, 0, get_byte(blob, 0) # 1) WHERE vault_id = $1", {whose});
  }
  // The rows of a secret of alice's, as they stand, for bob.
  void CopyToBob(const char* path) {
    Sql("INSERT INTO secrets SELECT $1, $2, id, path, version, deleted_at, created_at FROM secrets "
        "WHERE vault_id = $3 AND path = $4",
        {bob.org, bobs_vault, vault, path});
    Sql("INSERT INTO secret_versions SELECT $1, $2, secret_id, r.version, type, metadata, expires_at, "
        "max_access_count, access_count, created_by_type, created_by, r.created_at, kek_version, sealed_dek, "
        "ciphertext FROM secret_versions r JOIN secrets s ON s.id = r.secret_id AND s.org_id = r.org_id "
        "WHERE s.vault_id = $3 AND s.path = $4",
        {bob.org, bobs_vault, vault, path});
  }

  Principal bob = AddUser();
  Principal colleague = Colleague();
  VaultId bobs_vault = MakeVault(bob, "bob's");
  VaultId second_vault = MakeVault(alice, "second");
  VaultId damaged_vault = MakeVault(alice, "damaged");
  VaultId no_vault{NewUuidV7(clock, random)};
};

}  // namespace

TEST_CASE_FIXTURE(BatchFixture, "of mixed reads each has the answer it has alone, or none") {
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
    Must(secrets.Delete(alice, vault, "deleted", draft));
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
    const auto alone = secrets.Get({places[i].who, places[i].vault, places[i].path, draft});
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

TEST_CASE_FIXTURE(BatchFixture, "reads together need database and HSM, and say nothing without") {
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

TEST_CASE_FIXTURE(BatchFixture, "of mixed writes each has the answer it has alone, or none and no effect") {
  auto typed = Value("v");
  typed.type = "password";
  Put("typed", std::move(typed));
  for (const char* path : {"own", "rich", "deleted", "twice", "shared-id", "long", "longest"}) Put(path);
  auto limited = Value("v");
  limited.max_access_count = 5;
  limited.expires_at = clock.Now() + std::chrono::hours(1);
  Put("was-limited", std::move(limited));
  Must(Put({{bob, bobs_vault, "own"}, Value("v")}));
  Must(Put({{alice, damaged_vault, "own"}, Value("v")}));
  {
    auto draft = Draft();
    Must(secrets.Delete(alice, vault, "deleted", draft));
  }
  TamperKek(damaged_vault);
  const int64_t records = Records();

  auto rich = Value("w");
  rich.type = "note";
  rich.metadata = R"({"b":[null,"ü"]})";
  rich.expires_at = clock.Now() + std::chrono::hours(2);
  rich.max_access_count = 2147483647;
  struct Case {
    Write write;
    uint32_t together;               // the version, 0 for no answer
    std::optional<ErrorKind> alone;  // why it fails alone
  };
  std::vector<Case> cases;
  const auto add = [&](const Place& place, PutSecretRequest request, uint32_t together,
                       std::optional<ErrorKind> alone = {}) {
    cases.push_back({{place, std::move(request)}, together, alone});
  };
  add({alice, vault, "own"}, Value("w"), 2);
  add({alice, vault, "first"}, Value("w"), 0);
  add({alice, no_vault, "own"}, Value("w"), 0, ErrorKind::kNotFound);
  add({alice, vault, "rich"}, std::move(rich), 2);
  add({alice, bobs_vault, "own"}, Value("w"), 0, ErrorKind::kNotFound);
  add({bob, vault, "own"}, Value("w"), 0, ErrorKind::kNotFound);
  add({bob, bobs_vault, "own"}, Value("bob's new one"), 2);
  add({colleague, vault, "own"}, Value("w"), 0, ErrorKind::kForbidden);
  add({colleague, vault, "first"}, Value("w"), 0, ErrorKind::kForbidden);
  add({alice, vault, "deleted"}, Value("w"), 2);
  add({alice, vault, "twice"}, Value("w"), 2);
  add({alice, vault, "typed"}, Value("w"), 2);
  add({alice, vault, "twice"}, Value("w"), 0);
  add({alice, damaged_vault, "own"}, Value("w"), 0, ErrorKind::kIntegrity);
  add({alice, vault, "not//a/path"}, Value("w"), 0, ErrorKind::kInvalid);
  add({alice, vault, ""}, Value("w"), 0, ErrorKind::kInvalid);
  add({alice, vault, "longest"}, Value(std::string(64 * 1024, 'x')), 2);
  add({alice, vault, "long"}, Value(std::string(64 * 1024 + 1, 'x')), 0);
  add({alice, vault, "was-limited"}, Value("w"), 2);

  std::vector<Write> writes;
  for (Case& one : cases) writes.push_back(std::move(one.write));
  const auto answers = PutTogether(writes);
  CHECK(Records() == records + 8);
  CheckHistory();
  // No limit but what this version has.
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE version = 2 AND (expires_at IS NOT NULL "
              "OR max_access_count <> 0)") == 1);
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE max_access_count = 2147483647 AND expires_at = $1 "
              "AND metadata = $2",
              {*writes[3].request.expires_at, writes[3].request.metadata}) == 1);
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE version = 2 AND access_count <> 0") == 0);

  for (size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    const Place& place = writes[i].place;
    CAPTURE(place.path);
    REQUIRE(answers[i].has_value() == (cases[i].together != 0));
    if (answers[i]) {
      const auto& written = Must(*answers[i]);
      CHECK(written.version == cases[i].together);
      const auto read = Must(Get(place));
      if (place.path != "twice") CHECK(read.value == writes[i].request.value);
      CheckSame(written, read.about);
      CHECK(read.created_by == "user:" + FormatUuid(place.who.id));
    }
    const auto alone = Put(writes[i]);
    if (cases[i].alone) {
      REQUIRE(!alone);
      CHECK(alone.error().kind == *cases[i].alone);
    } else {
      REQUIRE(alone);
      if (answers[i]) CheckSame(Must(*answers[i]), alone.value());
    }
  }
  CheckHistory();
}

TEST_CASE_FIXTURE(BatchFixture,
                  "of two writes of one path the older is written together, the other after it") {
  Put("a");
  std::vector<Write> writes;
  writes.push_back({{alice, vault, "a"}, Value("older")});
  writes.push_back({{alice, vault, "a"}, Value("newer")});
  CHECK(Answered(PutTogether(writes)) == std::vector{true, false});
  CHECK(Must(Get({alice, vault, "a"})).value.Text() == "older");
  CHECK(Must(Put(writes[1])).version == 3);
  CheckHistory();
}

TEST_CASE_FIXTURE(BatchFixture,
                  "a secret whose rows were moved is written where it is asked for, or not at all") {
  for (const char* path : {"moved", "copied", "misnamed"}) Put(path);
  Sql("UPDATE secrets SET vault_id = $1 WHERE path = 'moved'", {second_vault});
  Sql("UPDATE secrets SET path = 'mis//named' WHERE path = 'misnamed'");
  CopyToBob("copied");
  std::vector<Write> writes;
  writes.push_back({{alice, second_vault, "moved"}, Value("at its new place")});
  writes.push_back({{alice, vault, "copied"}, Value("alice's")});
  writes.push_back({{bob, bobs_vault, "copied"}, Value("bob's")});  // under the same id
  writes.push_back({{alice, vault, "moved"}, Value("at its old place")});
  writes.push_back({{alice, vault, "mis//named"}, Value("nowhere")});
  const auto answers = PutTogether(writes);
  CHECK(Answered(answers) == std::vector{true, true, false, false, false});
  CHECK(Must(*answers[0]).version == 2);
  CHECK(Must(*answers[1]).version == 2);
  CHECK(Must(Put(writes[2])).version == 2);
  CHECK(Must(Put(writes[3])).version == 1);
  CHECK(Put(writes[4]).error().kind == ErrorKind::kInvalid);
  writes.pop_back();
  for (const Write& write : writes) CHECK(Must(Get(write.place)).value == write.request.value);
}

TEST_CASE_FIXTURE(BatchFixture,
                  "a path that another transaction holds is left out, and nobody waits for it") {
  for (const char* path : {"a", "held", "b"}) Put(path);
  auto other = Connect("claviger_app", name);
  auto transaction = Must(other->Begin());
  Must(other->Run(testing::Sql("UPDATE secrets SET version = version WHERE path = 'held'"), {}));
  const auto writes = WritesOf({"a", "held", "b"});
  const auto answers = PutTogether(writes);
  Must(transaction.Commit());
  CHECK(Answered(answers) == std::vector{true, false, true});
  CHECK(VersionAt("held") == 1);
  CHECK(Must(Put(writes[1])).version == 2);
  CheckHistory();
}

TEST_CASE_FIXTURE(BatchFixture,
                  "what changes between plan and commit of a batch costs it only what changed") {
  Interruption interruption;
  Secrets interrupted{pool, keyring, audit, clock, interruption};
  for (const char* path : {"a", "b", "c"}) Put(path);
  Must(Put({{alice, second_vault, "a"}, Value("v")}));
  auto writes = WritesOf({"a", "b", "c"});
  writes.push_back({{alice, second_vault, "a"}, Value("new")});

  SUBCASE("another write of one path") {
    interruption.meanwhile = [&] { Put("b", Value("theirs")); };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector{true, false, true, true});
    CHECK(Must(Get({alice, vault, "b"})).value.Text() == "theirs");
    CHECK(VersionAt("b") == 2);
  }
  SUBCASE("another batch of some paths") {
    interruption.meanwhile = [&] {
      CHECK(Answered(PutTogether(WritesOf({"c", "a"}, "theirs"))) == std::vector{true, true});
    };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector{false, true, false, true});
    CHECK(Must(Get({alice, vault, "a"})).value.Text() == "theirs");
    CHECK(Must(Get({alice, vault, "b"})).value.Text() == "new");
  }
  SUBCASE("the deletion of one secret, which the write takes back") {
    interruption.meanwhile = [&] {
      auto draft = Draft();
      Must(secrets.Delete(alice, vault, "b", draft));
    };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector(4, true));
    CHECK(Must(Get({alice, vault, "b"})).value.Text() == "new");
  }
  SUBCASE("the end of a vault") {
    interruption.meanwhile = [&] {
      auto draft = Draft();
      Must(vaults.Delete(alice, second_vault, draft));
    };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector{true, true, true, false});
    CHECK(Put(writes[3]).error().kind == ErrorKind::kNotFound);
    return;  // the versions that went have records
  }
  SUBCASE("every path") {
    interruption.meanwhile = [&] {
      for (const Write& write : writes) Must(Put({write.place, Value("theirs")}));
    };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector(4, false));
  }
  CheckHistory();
}

TEST_CASE_FIXTURE(BatchFixture,
                  "a row that the database refuses leaves its batch unwritten, for each to try alone") {
  for (const char* path : {"a", "rolled-back", "b"}) Put(path);
  Put("rolled-back");
  Sql("UPDATE secrets SET version = 1 WHERE path = 'rolled-back'");  // its next version is there already
  const auto writes = WritesOf({"a", "rolled-back", "b"});
  CHECK(Answered(PutTogether(writes)) == std::vector(3, false));
  CHECK(VersionAt("a") == 1);
  CHECK(Must(Put(writes[0])).version == 2);
  CHECK(Put(writes[1]).error().kind == ErrorKind::kConflict);
  CHECK(Must(Put(writes[2])).version == 2);
}

TEST_CASE_FIXTURE(BatchFixture, "a commit that the database refuses leaves every answer empty") {
  for (const char* path : {"a", "b"}) Put(path);
  const auto writes = WritesOf({"a", "b", "first"});
  {
    const AtCommit refuse(*this, "RAISE 'not today'");
    CHECK(Answered(PutTogether(writes)) == std::vector(3, false));
  }
  CHECK(VersionAt("a") == 1);
  CHECK(Answered(PutTogether(writes)) == std::vector{true, true, false});
  CheckHistory();
}

TEST_CASE_FIXTURE(BatchFixture,
                  "a connection lost at the commit is an error for all that was being written") {
  for (const char* path : {"a", "b"}) Put(path);
  const auto writes = WritesOf({"a", "first", "b", "a"});
  {
    const AtCommit die(*this, "PERFORM pg_terminate_backend(pg_backend_pid())");
    const auto answers = PutTogether(writes);
    REQUIRE(Answered(answers) == std::vector{true, false, true, false});
    for (const size_t i : {0, 2}) {
      REQUIRE(!answers[i]->has_value());
      CHECK(answers[i]->error().kind == ErrorKind::kUnavailable);
    }
  }
  CheckHistory();
  CHECK(Answered(PutTogether(writes)) == std::vector{true, false, true, false});
  CheckHistory();
}

TEST_CASE_FIXTURE(BatchFixture, "writes together need database and HSM, and do nothing without") {
  for (const char* path : {"a", "b"}) Put(path);
  const auto writes = WritesOf({"a", "b"});
  keyring.SetUnavailable(true);
  CHECK(Answered(PutTogether(writes)) == std::vector(2, false));
  keyring.SetUnavailable(false);
  CHECK(VersionAt("a") == 1);
  Server().Stop();
  const auto without = Answered(PutTogether(writes));
  Server().Start();
  CHECK(without == std::vector(2, false));
  while (!pool.Acquire()) std::this_thread::yield();  // it does not ask again at once
  CHECK(Answered(PutTogether(writes)) == std::vector(2, true));
  CHECK(PutTogether({}).empty());
  CheckHistory();
}

TEST_CASE_FIXTURE(BatchFixture,
                  "batches of the same paths in opposite order neither lose nor double a version") {
  constexpr size_t kPaths = 8, kRounds = 25;
  std::vector<std::string> paths;
  for (size_t i = 0; i < kPaths; ++i) {
    paths.push_back("path/" + std::to_string(i));
    Put(paths.back().c_str());
  }
  std::mutex mutex;
  std::map<std::pair<std::string, uint32_t>, std::string> written, read;
  std::atomic<int> doubled = 0, failed = 0, together = 0;
  const auto note = [&](const std::string& path, const std::string& value,
                        const Result<SecretMetadata>& result) {
    if (!result) {
      ++failed;
      return;
    }
    const std::lock_guard lock(mutex);
    if (!written.emplace(std::pair(path, result.value().version), value).second) ++doubled;
  };
  const auto write = [&](bool backwards) {
    for (size_t round = 0; round < kRounds; ++round) {
      std::vector<Write> writes;
      for (const auto& path : paths) {
        const auto value = path + (backwards ? " backwards " : " forwards ") + std::to_string(round);
        writes.push_back({{alice, vault, path}, Value(value)});
      }
      if (backwards) std::reverse(writes.begin(), writes.end());
      const auto answers = PutTogether(writes);
      for (size_t i = 0; i < writes.size(); ++i) {
        together += answers[i] ? 1 : 0;
        const std::string value(writes[i].request.value.Text());
        note(writes[i].place.path, value, answers[i] ? *answers[i] : Put(writes[i]));
      }
    }
  };
  std::atomic<bool> writing = true;
  std::thread forwards([&] { write(false); }), backwards([&] { write(true); }), reader([&] {
    std::vector<Place> places;
    for (const auto& path : paths) places.push_back({alice, vault, path});
    while (writing) {
      const auto answers = GetTogether(places);
      const std::lock_guard lock(mutex);
      for (const auto& answer : answers) {
        if (!answer) {
          ++failed;
        } else {
          read[{answer->about.path, answer->about.version}] = answer->value.Text();
        }
      }
    }
  });
  forwards.join();
  backwards.join();
  writing = false;
  reader.join();
  CHECK(doubled == 0);
  CHECK(failed == 0);
  CHECK(together > 0);
  CHECK(written.size() == 2 * kPaths * kRounds);
  for (const auto& path : paths) CHECK(VersionAt(path.c_str()) == 1 + 2 * kRounds);
  CheckHistory();
  for (const auto& [which, value] : read) {
    if (which.second > 1) CHECK(written[which] == value);
  }
}
