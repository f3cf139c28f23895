#include "api/rotations/rotations.h"

#include <functional>
#include <thread>
#include <utility>

#include "api/agents/agents.h"
#include "api/rotations/rotation_runner.h"
#include "tests/unit/api/secrets_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

// Lets a test act in the middle of a step: the nth look at the clock is when.
class Interruption final : public Clock {
 public:
  explicit Interruption(const Clock& clock) : clock_(clock) {}
  Time Now() const override {
    Look();
    return clock_.Now();
  }
  SteadyTime Steady() const override {
    Look();
    return clock_.Steady();
  }
  void At(int look, std::function<void()> act) {
    looks_ = look;
    act_ = std::move(act);
  }
  bool happened() const { return act_ == nullptr; }

 private:
  void Look() const {
    if (act_ && --looks_ == 0) std::exchange(act_, nullptr)();
  }
  const Clock& clock_;
  mutable int looks_ = 0;
  mutable std::function<void()> act_;
};

// The same while a write is between its plan and its commit: its seal draws an IV then.
class InterruptedRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    if (out.size() == 12) {
      if (const auto act = std::exchange(meanwhile, nullptr)) act();
    }
    random_.Fill(out);
  }
  std::function<void()> meanwhile;

 private:
  crypto::SystemRandom random_;
};

Principal Owner(Principal principal) {
  principal.role = Role::kOwner;
  return principal;
}

struct Fixture : SecretsFixture {
  Fixture() { alice.role = Role::kOwner; }
  AuditDraft Draft() {
    AuditDraft draft = SecretsFixture::Draft();
    draft.SetActor(alice);
    return draft;
  }
  Result<SecretMetadata> Put(const std::string& path, std::string_view value, Secrets& into) {
    auto draft = Draft();
    PutSecretRequest request;
    request.value = SecretBytes(value);
    return into.Put({{alice, client}, vault, path, request, draft});
  }
  void Put(const std::string& path, std::string_view value) { Must(Put(path, value, secrets)); }
  std::string Get(const std::string& path) {
    auto draft = Draft();
    return std::string(Must(secrets.Get({{alice, client}, vault, path, draft})).value.Text());
  }
  void Fill(int count) {
    for (int i = 0; i < count; ++i) Put("s/" + std::to_string(i), "value " + std::to_string(i));
    filled = count;
  }
  bool AllOpen() {
    for (int i = 0; i < filled; ++i) {
      if (Get("s/" + std::to_string(i)) != "value " + std::to_string(i)) return false;
    }
    return true;
  }

  Rotation Begin() {
    auto draft = Draft();
    return Must(rotations.Start(alice, vault, draft));
  }
  Rotation Now(const Rotation& rotation) { return Must(rotations.Get(alice, rotation.id)); }
  Rotation Resume(const Rotation& rotation) {
    auto draft = Draft();
    return Must(rotations.Resume(alice, rotation.id, draft));
  }
  // Another node, or the same one after its process died.
  Result<bool> OtherNodeRuns() {
    RotationRunner other({}, {pool, keyring, audit, clock, random, QuietLog()});
    return other.RunOne();
  }
  void LeaseEnds() {
    Sql("UPDATE rotations SET lease_until = now() - interval '1 second' WHERE state = 'running'");
  }
  // Everything lies under the vault's one key, the `version`th.
  bool Complete(int64_t version = 2) {
    return Count("SELECT count(*) FROM vault_keks WHERE vault_id = $1", {vault}) == 1 &&
           Count(
               "SELECT count(*) FROM vaults v JOIN vault_keks k ON k.vault_id = v.id "
               "AND k.version = v.kek_version WHERE v.id = $1 AND k.version = $2",
               {vault, version}) == 1 &&
           Count("SELECT count(*) FROM secret_versions WHERE vault_id = $1 AND kek_version <> $2",
                 {vault, version}) == 0 &&
           AllOpen();
  }

  Rotations rotations{pool, audit, clock, random};
  Interruption interruption{clock};
  RotationRunner runner{{}, {pool, keyring, audit, interruption, random, QuietLog()}};
  int filled = 0;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "every version of every secret moves under a new key, and no value is touched") {
  Fill(3);
  Put("s/0", "old");
  Put("s/0", "value 0");
  Put("gone", "x");
  auto draft = Draft();
  Must(secrets.Delete({alice, client}, vault, "gone", draft));
  const char* values =
      "SELECT md5(string_agg(ciphertext::text, '' ORDER BY secret_id, version)) FROM secret_versions";
  const std::string before(Sql(values).Text(0, 0));

  const auto rotation = Begin();
  CHECK(rotation.state == RotationState::kPending);
  CHECK(Must(runner.RunOne()));
  const auto done = Now(rotation);
  CHECK(done.state == RotationState::kDone);
  CHECK(done.key_version == 2);
  CHECK(done.total == 6);
  CHECK(done.resealed == 6);
  CHECK(done.finished_at.has_value());
  CHECK(Complete());
  CHECK(Sql(values).Text(0, 0) == before);
  CHECK(Count("SELECT count(DISTINCT sealed_dek) FROM secret_versions WHERE first_kek_version = 1") == 6);
  CHECK(keyring.Forgotten(vault) == 1);
  CHECK(!Must(runner.RunOne()));

  // Again, with what was written since.
  Put("s/1", "value 1");
  Begin();
  CHECK(Must(runner.RunOne()));
  CHECK(Complete(3));
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE first_kek_version = 1") == 6);
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE first_kek_version = 2") == 1);
}

TEST_CASE_FIXTURE(Fixture, "only the vault that is rotated changes") {
  Fill(2);
  const VaultId first = std::exchange(vault, MakeVault(alice, "other"));
  Put("a", "b");
  Begin();
  CHECK(Must(runner.RunOne()));
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE vault_id = $1 AND kek_version = 1", {first}) == 2);
  CHECK(Count("SELECT count(*) FROM vault_keks WHERE vault_id = $1 AND version = 1", {first}) == 1);
  CHECK(Get("a") == "b");
}

TEST_CASE_FIXTURE(Fixture, "each step is on record, under the rotation's id") {
  Fill(250);
  const auto rotation = Begin();
  CHECK(Must(runner.RunOne()));
  CHECK(Complete());
  const auto rows = Sql(
      "SELECT action || ' ' || outcome || ' ' || coalesce(details::json->>'resealed', '') FROM audit_events "
      "WHERE actor_type = 'system' AND resource_id = $1 AND request_id = $2 ORDER BY 1",
      {vault.ToString(), rotation.id.ToString()});
  std::vector<std::string> records;
  for (int row = 0; row < rows.size(); ++row) records.emplace_back(rows.Text(row, 0));
  CHECK(records == std::vector<std::string>{"rotation.begin success ", "rotation.finish success ",
                                            "rotation.reseal success 100", "rotation.reseal success 100",
                                            "rotation.reseal success 50"});
}

TEST_CASE_FIXTURE(Fixture, "wherever a rotation breaks off nothing is lost, and another node completes it") {
  Fill(120);
  for (const char* event : {"INSERT ON vault_keks", "UPDATE ON vaults", "UPDATE ON secret_versions",
                            "DELETE ON vault_keks", "INSERT ON audit_events", "UPDATE ON rotations"}) {
    for (const bool deferred : {false, true}) {
      CAPTURE(event);
      CAPTURE(deferred);
      const auto rotation = Begin();
      const std::string trigger = std::string(deferred ? "CREATE CONSTRAINT TRIGGER" : "CREATE TRIGGER") +
                                  " break_off " + (deferred ? "AFTER " : "BEFORE ") + event +
                                  (deferred ? " DEFERRABLE INITIALLY DEFERRED" : "") +
                                  " FOR EACH ROW EXECUTE FUNCTION break_off()";
      Sql("CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken off' "
          "USING ERRCODE = '57014'; END $$");
      Sql(trigger.c_str());
      CHECK(!runner.RunOne());
      CHECK(AllOpen());
      Sql("DROP FUNCTION break_off CASCADE");
      CHECK(AllOpen());
      CHECK(Now(rotation).state != RotationState::kDone);
      LeaseEnds();
      CHECK(Must(OtherNodeRuns()));
      CHECK(Now(rotation).state == RotationState::kDone);
      CHECK(Complete(*Now(rotation).key_version));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a node that was taken for dead changes nothing any more") {
  Fill(3);
  // It looks at the clock at its claim (1), at the beginning of each step (2, 4, 6), between making a key and
  // committing it (3), the same for a batch (5), and between the second pass and the removal of older keys
  // (7).
  for (const int look : {2, 3, 4, 5, 6, 7}) {
    CAPTURE(look);
    const auto rotation = Begin();
    interruption.At(look, [&] {
      LeaseEnds();
      CHECK(Must(OtherNodeRuns()));
    });
    CHECK(Must(runner.RunOne()));
    CHECK(interruption.happened());
    const auto done = Now(rotation);
    CHECK(done.state == RotationState::kDone);
    CHECK(done.resealed == 3);
    CHECK(Complete(*done.key_version));
  }
}

TEST_CASE_FIXTURE(Fixture, "a node that was taken for dead changes nothing while another is at work") {
  Fill(3);
  const auto state = [&] {
    return std::string(
        Sql("SELECT md5(string_agg(r.kek_version || r.sealed_dek::text, ',' ORDER BY r.secret_id) || "
            "(SELECT string_agg(k.version::text, ',' ORDER BY k.version) FROM vault_keks k) || "
            "(SELECT row(o.state, o.fence, o.resealed, o.key_version, o.lease_owner)::text "
            "   FROM rotations o WHERE o.state <> 'done')) FROM secret_versions r")
            .Text(0, 0));
  };
  // Before each of its three commits; see above.
  for (const int look : {3, 5, 7}) {
    CAPTURE(look);
    const auto rotation = Begin();
    std::string before;
    interruption.At(look, [&] {
      Sql("UPDATE rotations SET fence = fence + 1, lease_owner = gen_random_uuid(),"
          " lease_until = now() + interval '1 minute' WHERE state = 'running'");
      before = state();
    });
    CHECK(Must(runner.RunOne()));
    CHECK(interruption.happened());
    CHECK(state() == before);
    LeaseEnds();
    CHECK(Must(OtherNodeRuns()));
    CHECK(Now(rotation).resealed == 3);
    CHECK(Complete(*Now(rotation).key_version));
  }
}

TEST_CASE_FIXTURE(Fixture, "a lease that has not ended is respected, but by the node that holds it") {
  Fill(1);
  const auto rotation = Begin();
  interruption.At(4, [&] { keyring.SetUnavailable(true); });
  const auto broken_off = runner.RunOne();
  REQUIRE(!broken_off);
  CHECK(broken_off.error().kind == ErrorKind::kUnavailable);
  CHECK(Now(rotation).state == RotationState::kRunning);
  keyring.SetUnavailable(false);
  CHECK(!Must(OtherNodeRuns()));
  CHECK(Must(runner.RunOne()));
  CHECK(Now(rotation).state == RotationState::kDone);
  CHECK(Complete());
}

TEST_CASE_FIXTURE(Fixture, "a paused rotation stands still until it is resumed") {
  Fill(3);
  const auto rotation = Begin();
  interruption.At(5, [&] {
    auto draft = Draft();
    CHECK(Must(rotations.Pause(alice, rotation.id, draft)).state == RotationState::kPaused);
  });
  CHECK(Must(runner.RunOne()));
  CHECK(Now(rotation).state == RotationState::kPaused);
  CHECK(Now(rotation).resealed == 0);
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE kek_version = 1") == 3);
  Put("s/0", "value 0");
  CHECK(AllOpen());
  CHECK(!Must(runner.RunOne()));
  CHECK(!Must(OtherNodeRuns()));

  CHECK(Resume(rotation).state == RotationState::kPending);
  CHECK(Must(OtherNodeRuns()));
  CHECK(Now(rotation).state == RotationState::kDone);
  CHECK(Complete());
  auto draft = Draft();
  CHECK(rotations.Pause(alice, rotation.id, draft).error().kind == ErrorKind::kConflict);
  CHECK(rotations.Resume(alice, rotation.id, draft).error().kind == ErrorKind::kConflict);
}

TEST_CASE_FIXTURE(Fixture, "a rotation ends with its vault") {
  Fill(3);
  for (const int look : {2, 3, 4, 5, 6}) {
    CAPTURE(look);
    Begin();
    interruption.At(look, [&] {
      auto draft = Draft();
      Must(vaults.Delete(alice, vault, draft));
    });
    CHECK(Must(runner.RunOne()));
    for (const char* table : {"vaults", "vault_keks", "secret_versions", "rotations"}) {
      CHECK(Count(("SELECT count(*) FROM " + std::string(table)).c_str()) == 0);
    }
    vault = MakeVault();
    Fill(3);
  }
}

TEST_CASE_FIXTURE(Fixture, "a write that was planned under the older key ends under the new one") {
  Fill(1);
  InterruptedRandom slow;
  Secrets slow_secrets{pool, keyring, book, audit, clock, slow};
  SUBCASE("alone") {
    slow.meanwhile = [&] {
      Begin();
      CHECK(Must(runner.RunOne()));
    };
    CHECK(Must(Put("s/0", "value 0", slow_secrets)).version == 2);
    CHECK(Complete());
  }
  SUBCASE("with others") {
    slow.meanwhile = [&] {
      Begin();
      CHECK(Must(runner.RunOne()));
    };
    auto draft = Draft();
    PutSecretRequest request;
    request.value = SecretBytes("value 0");
    CHECK(!slow_secrets.PutTogether(
        {{{alice, client}, vault, "s/0", request, draft}})[0]);  // left to its handler
    CHECK(!draft.committed());
    CHECK(Must(Put("s/0", "value 0", slow_secrets)).version == 2);
    CHECK(Complete());
  }
  SUBCASE("while the older key is still there") {
    const auto rotation = Begin();
    slow.meanwhile = [&] {
      interruption.At(4, [&] {
        auto draft = Draft();
        Must(rotations.Pause(alice, rotation.id, draft));
      });
      CHECK(Must(runner.RunOne()));
    };
    CHECK(Must(Put("s/0", "value 0", slow_secrets)).version == 2);
    CHECK(Count("SELECT count(*) FROM secret_versions WHERE kek_version = 1") == 2);
    Resume(rotation);
    CHECK(Must(runner.RunOne()));
    CHECK(Now(rotation).resealed == 2);
    CHECK(Complete());
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "an agent whose keys were sealed under the older key of their vault is made all the same") {
  const crypto::TokenVerifier verifier = Verifier();
  KeyUses uses(pool, clock, QuietLog());
  Authenticator authenticator(pool, clock, verifier, keyring, uses);
  const TokenIssuer tokens(kIssuer, keyring, clock, random);
  InterruptedRandom slow;
  Agents agents({pool, keyring, authenticator, tokens, audit, clock, slow});
  const auto create = [&](const char* called) {
    auto draft = Draft();
    CreateAgentRequest request;
    request.settings.name = called;
    return agents.Create(alice, std::move(request), draft);
  };
  REQUIRE(create("first"));
  vault = VaultId{Sql("SELECT id FROM vaults WHERE name = '__agent-keys'").UuidAt(0, 0)};
  slow.meanwhile = [&] {
    Begin();
    CHECK(Must(runner.RunOne()));
  };
  CHECK(create("second"));
  CHECK(Complete());
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE vault_id = $1", {vault}) == 4);
}

TEST_CASE_FIXTURE(Fixture,
                  "the older key is not removed from under a version, nor a version left without one") {
  Fill(2);
  SUBCASE("a version appears between the second pass and the removal") {
    const auto rows = Sql("SELECT secret_id, sealed_dek FROM secret_versions LIMIT 1");
    const Uuid secret = rows.UuidAt(0, 0);
    const Bytes dek(rows.Blob(0, 1).begin(), rows.Blob(0, 1).end());
    const auto rotation = Begin();
    interruption.At(7, [&] {
      Sql("UPDATE secret_versions SET kek_version = 1, first_kek_version = NULL, sealed_dek = $2 "
          "WHERE secret_id = $1",
          {secret, dek});
    });
    CHECK(Must(runner.RunOne()));
    CHECK(interruption.happened());
    CHECK(Now(rotation).resealed == 3);
    CHECK(Complete());
  }
  SUBCASE("a writer commits after the removal") {
    auto writer = Connect("claviger_app", name);
    auto transaction = Must(writer->Begin());
    Must(writer->Run(
        testing::Sql("INSERT INTO secret_versions (org_id, vault_id, secret_id, version, type, "
                     "metadata, created_by_type, created_by, created_at, kek_version, sealed_dek, "
                     "ciphertext) SELECT org_id, vault_id, secret_id, 2, type, metadata, "
                     "created_by_type, created_by, created_at, 1, sealed_dek, ciphertext "
                     "FROM secret_versions LIMIT 1"),
        {}));
    Begin();
    CHECK(Must(runner.RunOne()));
    CHECK(transaction.Commit().error().kind == ErrorKind::kConflict);
    CHECK(Complete());
  }
}

TEST_CASE_FIXTURE(Fixture, "a row that somebody changed stops the rotation, and nothing is lost") {
  Fill(5);
  const char* change = nullptr;
  const char* restore = nullptr;
  SUBCASE("edited") {
    change =
        "UPDATE secret_versions SET sealed_dek = set_byte(sealed_dek, 20, get_byte(sealed_dek, 20) # 1) "
        "WHERE secret_id = $1";
    restore = change;
  }
  SUBCASE("renamed") {
    change = "UPDATE secrets SET path = 'elsewhere' WHERE id = $1";
    restore = "UPDATE secrets SET path = 's/2' WHERE id = $1";
  }
  SUBCASE("moved to another version") {
    change = "UPDATE secret_versions SET version = 7 WHERE secret_id = $1";
    restore = "UPDATE secret_versions SET version = 1 WHERE secret_id = $1";
  }
  const Uuid secret = Sql("SELECT id FROM secrets WHERE path = 's/2'").UuidAt(0, 0);
  Sql(change, {secret});
  const auto rotation = Begin();
  const auto stopped = runner.RunOne();
  REQUIRE(!stopped);
  CHECK(stopped.error().kind == ErrorKind::kIntegrity);
  const auto failed = Now(rotation);
  CHECK(failed.state == RotationState::kFailed);
  CHECK(failed.error.find(FormatUuid(secret)) != std::string::npos);
  CHECK(failed.error.find("resume") != std::string::npos);
  CHECK(Count("SELECT count(*) FROM vault_keks") == 2);
  CHECK(Count("SELECT count(*) FROM audit_events WHERE action = 'rotation.fail' AND outcome = 'failed'") ==
        1);
  CHECK(Get("s/0") == "value 0");
  Put("s/1", "value 1");
  auto draft = Draft();
  CHECK(rotations.Start(alice, vault, draft).error().kind == ErrorKind::kConflict);
  CHECK(rotations.Pause(alice, rotation.id, draft).error().kind == ErrorKind::kConflict);
  CHECK(!Must(OtherNodeRuns()));

  Sql(restore, {secret});
  Resume(rotation);
  CHECK(Must(runner.RunOne()));
  CHECK(Now(rotation).state == RotationState::kDone);
  CHECK(Now(rotation).error.empty());
  CHECK(Complete());
}

TEST_CASE_FIXTURE(Fixture, "of one vault only one rotation is not done") {
  int started = 0;
  int refused = 0;
  std::vector<std::thread> threads;
  std::mutex mutex;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto draft = Draft();
      const auto answer = rotations.Start(alice, vault, draft);
      const std::lock_guard lock(mutex);
      ++(answer ? started : refused);
      if (!answer) CHECK(answer.error().kind == ErrorKind::kConflict);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(started == 1);
  CHECK(refused == 7);
  vault = MakeVault(alice, "other");
  Begin();
}

TEST_CASE_FIXTURE(Fixture, "of the rotations that are done the ten newest of a vault stay") {
  std::vector<RotationId> ids;
  for (int i = 0; i < 13; ++i) {
    clock.Advance(std::chrono::seconds(1));
    ids.push_back(Begin().id);
    CHECK(Must(runner.RunOne()));
  }
  const auto page = Must(rotations.List(alice, std::nullopt, 100));
  CHECK(page.items.size() == kKeptRotations + 1);
  CHECK(page.items.back().id == ids.back());
  CHECK(page.items.front().id == ids[2]);
}

TEST_CASE_FIXTURE(Fixture, "a rotation is its organisation's, and its owners' and admins' alone") {
  const auto rotation = Begin();
  const Principal stranger = Owner(AddUser());
  auto draft = Draft();
  CHECK(rotations.Get(stranger, rotation.id).error().kind == ErrorKind::kNotFound);
  CHECK(rotations.Pause(stranger, rotation.id, draft).error().kind == ErrorKind::kNotFound);
  CHECK(rotations.Start(stranger, vault, draft).error().kind == ErrorKind::kNotFound);
  CHECK(Must(rotations.List(stranger, std::nullopt, 10)).items.empty());
  Principal member = alice;
  member.role = Role::kMember;
  Principal auditor = alice;
  auditor.role = Role::kAuditor;
  Principal agent = alice;
  agent.type = PrincipalType::kAgent;
  for (const Principal& who : {member, auditor, agent}) {
    CHECK(rotations.Get(who, rotation.id).error().kind == ErrorKind::kForbidden);
    CHECK(rotations.List(who, std::nullopt, 10).error().kind == ErrorKind::kForbidden);
    CHECK(rotations.Start(who, vault, draft).error().kind == ErrorKind::kForbidden);
    CHECK(rotations.Pause(who, rotation.id, draft).error().kind == ErrorKind::kForbidden);
    CHECK(rotations.Resume(who, rotation.id, draft).error().kind == ErrorKind::kForbidden);
  }
  Principal admin = alice;
  admin.role = Role::kAdmin;
  CHECK(Must(rotations.Get(admin, rotation.id)).id == rotation.id);
}

TEST_CASE_FIXTURE(Fixture, "a vault whose key is old is rotated by itself, once, where that is configured") {
  RotationRunner scheduled({.vault_days = 30}, {pool, keyring, audit, clock, random, QuietLog()});
  CHECK(Must(scheduled.StartDue()) == 0);
  clock.Advance(std::chrono::hours(24 * 31));
  CHECK(Must(runner.StartDue()) == 0);
  CHECK(Must(scheduled.StartDue()) == 1);
  CHECK(Must(scheduled.StartDue()) == 0);
  CHECK(Must(rotations.List(alice, std::nullopt, 10)).items[0].requested_by == "schedule");
  CHECK(Must(scheduled.RunOne()));
  CHECK(Complete());
  CHECK(Must(scheduled.StartDue()) == 0);
  CHECK(
      Count("SELECT count(*) FROM audit_events WHERE action = 'rotation.start' AND actor_type = 'system'") ==
      1);
}

TEST_CASE_FIXTURE(Fixture, "a node goes no faster than configured, and hands over when it stops") {
  Fill(30);
  const auto rotation = Begin();
  const SystemClock real;
  {
    RotationRunner slow({.secrets_per_second = 1}, {pool, keyring, audit, real, random, QuietLog()});
    slow.Start();
    while (Now(rotation).resealed == 0) std::this_thread::yield();
  }
  CHECK(Now(rotation).state == RotationState::kRunning);
  CHECK(Now(rotation).resealed < 30);
  CHECK(Must(OtherNodeRuns()));
  CHECK(Complete());
}
