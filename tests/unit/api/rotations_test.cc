#include "tests/unit/api/rotations_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

Principal Owner(Principal principal) {
  principal.role = Role::kOwner;
  return principal;
}

}  // namespace

TEST_CASE_FIXTURE(RotationsFixture,
                  "every version of every secret moves under a new key, and no value is touched") {
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

TEST_CASE_FIXTURE(RotationsFixture, "only the vault that is rotated changes") {
  Fill(2);
  const VaultId first = std::exchange(vault, MakeVault(alice, "other"));
  Put("a", "b");
  Begin();
  CHECK(Must(runner.RunOne()));
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE vault_id = $1 AND kek_version = 1", {first}) == 2);
  CHECK(Count("SELECT count(*) FROM vault_keks WHERE vault_id = $1 AND version = 1", {first}) == 1);
  CHECK(Get("a") == "b");
}

TEST_CASE_FIXTURE(RotationsFixture, "each step is on record, under the rotation's id") {
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

TEST_CASE_FIXTURE(RotationsFixture, "a paused rotation stands still until it is resumed") {
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

TEST_CASE_FIXTURE(RotationsFixture, "a rotation ends with its vault") {
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

TEST_CASE_FIXTURE(RotationsFixture, "of one vault only one rotation is not done") {
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

TEST_CASE_FIXTURE(RotationsFixture, "of the rotations that are done the ten newest of a vault stay") {
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

TEST_CASE_FIXTURE(RotationsFixture, "a rotation is its organisation's, and its owners' and admins' alone") {
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

TEST_CASE_FIXTURE(RotationsFixture,
                  "a vault whose key is old is rotated by itself, once, where that is configured") {
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

TEST_CASE_FIXTURE(RotationsFixture, "a node goes no faster than configured, and hands over when it stops") {
  Fill(30);
  const auto rotation = Begin();
  const SystemClock real;
  {
    RotationRunner slow({.pace = {1}}, {pool, keyring, audit, real, random, QuietLog()});
    slow.Start();
    while (Now(rotation).resealed == 0) std::this_thread::yield();
  }
  CHECK(Now(rotation).state == RotationState::kRunning);
  CHECK(Now(rotation).resealed < 30);
  CHECK(Must(OtherNodeRuns()));
  CHECK(Complete());
}
