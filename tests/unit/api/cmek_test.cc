#include <thread>
#include <utility>

#include "api/rotations/rotation_runner.h"
#include "api/rotations/rotations.h"
#include "tests/unit/api/cmek_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

TEST_CASE_FIXTURE(Sealed, "every version moves to the new key in fresh envelopes, and then the vault") {
  Fill(3);
  Put("s/0", *current, "old");
  Put("s/0", *current, "value 0");
  const auto seals = [&] {
    return std::string(Sql("SELECT md5(string_agg(sealed_dek::text || ciphertext::text, '' ORDER BY 1)) "
                           "FROM (SELECT sealed_dek, ciphertext FROM secret_versions) r")
                           .Text(0, 0));
  };
  const std::string before = seals();
  const auto done = Rotate();
  CHECK(done.status == CmekRotationStatus::kCompleted);
  CHECK(done.total == 5);
  CHECK(done.processed == 5);
  CHECK(seals() != before);
  CHECK(AllOpen(*next));
  CHECK(Under(*next) == 5);
  CHECK(State().cmek_fingerprint == next->Fingerprint());
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE first_kek_version IS NOT NULL") == 0);
}

TEST_CASE_FIXTURE(Sealed, "only the vault that is rotated changes") {
  Fill(1);
  const VaultId first = std::exchange(vault, MakeVault(alice, "other"));
  Enable(*current);
  Put("a", *current, "b");
  CHECK(Rotate().status == CmekRotationStatus::kCompleted);
  CHECK(Get("a", *next) == "b");
  vault = first;
  CHECK(Under(*current) == 1);
  CHECK(AllOpen(*current));
}

TEST_CASE_FIXTURE(Sealed, "wherever a rotation breaks off nothing is lost, and another completes it") {
  Fill(120);
  for (const char* event :
       {"UPDATE ON secret_versions", "INSERT ON audit_events", "UPDATE ON rotations", "UPDATE ON vaults"}) {
    for (const bool deferred : {false, true}) {
      CAPTURE(event);
      CAPTURE(deferred);
      const std::string trigger = std::string(deferred ? "CREATE CONSTRAINT TRIGGER" : "CREATE TRIGGER") +
                                  " break_off " + (deferred ? "AFTER " : "BEFORE ") + event +
                                  (deferred ? " DEFERRABLE INITIALLY DEFERRED" : "") +
                                  " FOR EACH ROW EXECUTE FUNCTION break_off()";
      Sql("CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken off' "
          "USING ERRCODE = '57014'; END $$");
      interruption.At(1, [&] { Sql(trigger.c_str()); });
      const auto broken = Must(Begin(cmek));
      AwaitIdle();
      CHECK(interruption.happened());
      CHECK(NoneLost());
      Sql("DROP FUNCTION break_off CASCADE");
      // Where not even the failure could be noted.
      LeaseEnds();
      Must(runner.FailLost());
      CHECK(Now(broken).status == CmekRotationStatus::kFailed);
      CHECK(State().cmek_fingerprint == current->Fingerprint());
      CHECK(NoneLost());
      CHECK(Rotate().status == CmekRotationStatus::kCompleted);
      CHECK(AllOpen(*next));
      std::swap(current, next);
    }
  }
}

TEST_CASE_FIXTURE(Sealed, "a node that was taken for dead changes nothing any more") {
  Fill(3);
  // At the beginning of the only batch (1), before its commit (2), behind the last (3), and before the end
  // (4).
  for (const int look : {1, 2, 3, 4}) {
    CAPTURE(look);
    interruption.At(look, [&] {
      LeaseEnds();
      Must(CmekRunner({}, {pool, keyring, audit, clock, random, QuietLog()}).FailLost());
    });
    const auto lost = Must(Begin(cmek));
    AwaitIdle();
    CHECK(interruption.happened());
    CHECK(Now(lost).status == CmekRotationStatus::kFailed);
    CHECK(Now(lost).error.find("gone") != std::string::npos);
    CHECK(Under(*current) == (look < 3 ? 3 : 0));
    CHECK(State().cmek_fingerprint == current->Fingerprint());
    CHECK(NoneLost());
    CHECK(Rotate().status == CmekRotationStatus::kCompleted);
    CHECK(AllOpen(*next));
    std::swap(current, next);
  }
}

TEST_CASE_FIXTURE(Sealed, "a rotation ends with its vault") {
  for (const int look : {1, 2, 3, 4}) {
    CAPTURE(look);
    Fill(3);
    interruption.At(look, [&] {
      auto draft = Draft();
      Must(vaults.Delete(alice, vault, draft));
    });
    Must(Begin(cmek));
    AwaitIdle();
    CHECK(interruption.happened());
    for (const char* table : {"vaults", "vault_keks", "secret_versions", "rotations"}) {
      CHECK(Count(("SELECT count(*) FROM " + std::string(table)).c_str()) == 0);
    }
    vault = MakeVault();
    Enable(*current);
  }
}

TEST_CASE_FIXTURE(Sealed, "what is written meanwhile moves too, whichever of the two keys sealed it") {
  Fill(3);
  for (const int look : {1, 2, 3, 4}) {
    CAPTURE(look);
    interruption.At(look, [&] {
      Put("s/0", *current, "value 0");
      Put("s/1", *next, "value 1");
      Put("new/" + std::to_string(look), *current, "new");
    });
    const auto done = Rotate();
    CHECK(interruption.happened());
    CHECK(done.status == CmekRotationStatus::kCompleted);
    CHECK(Under(*current) == 0);
    CHECK(AllOpen(*next));
    CHECK(Get("new/" + std::to_string(look), *next) == "new");
    std::swap(current, next);
  }
}

TEST_CASE_FIXTURE(Sealed, "a write that was planned under the old key is marked with the new one") {
  Fill(1);
  InterruptedRandom slow;
  Secrets slow_secrets{pool, keyring, book, audit, clock, slow};
  slow.meanwhile = [&] { CHECK(Rotate().status == CmekRotationStatus::kCompleted); };
  const auto blob = Must(next->Seal(random, AsBytes("value 0")));
  CHECK(Must(Put("s/0", blob.Text(), slow_secrets)).version == 2);
  CHECK(Under(*current) == 0);
  CHECK(AllOpen(*next));
}

TEST_CASE_FIXTURE(Sealed, "a write that was planned before the key was disabled is marked as nothing") {
  InterruptedRandom slow;
  Secrets slow_secrets{pool, keyring, book, audit, clock, slow};
  slow.meanwhile = [&] {
    auto draft = Draft();
    Must(cmek.Disable(alice, vault, draft));
  };
  const auto blob = Must(current->Seal(random, AsBytes("x")));
  Must(Put("a", blob.Text(), slow_secrets));
  CHECK(Under(*current) == 0);
}

TEST_CASE_FIXTURE(Sealed, "while it runs the key stays, and no other rotation of the vault begins") {
  Fill(1);
  Rotations rotations{pool, audit, clock, random};
  interruption.At(1, [&] {
    auto draft = Draft();
    CHECK(cmek.Disable(alice, vault, draft).error().kind == ErrorKind::kConflict);
    CHECK(Begin(cmek).error().kind == ErrorKind::kConflict);
    CHECK(rotations.Start(alice, vault, draft).error().kind == ErrorKind::kConflict);
  });
  CHECK(Rotate().status == CmekRotationStatus::kCompleted);
  CHECK(interruption.happened());

  std::swap(current, next);
  auto draft = Draft();
  Must(rotations.Start(alice, vault, draft));
  CHECK(Begin(cmek).error().kind == ErrorKind::kConflict);
}

TEST_CASE_FIXTURE(Sealed, "one that has failed stands in no rotation's way") {
  const crypto::CmekKey other = crypto::CmekKey::Generate(random);
  Put("b", other, "x");
  CHECK(Rotate().status == CmekRotationStatus::kFailed);
  auto lease = Must(pool.Acquire());
  CHECK(Must(rotations_store::FindDue(*lease, clock.Now() + std::chrono::hours(1), 10)).size() == 1);
  Rotations rotations{pool, audit, clock, random};
  auto draft = Draft();
  Must(rotations.Start(alice, vault, draft));
}

TEST_CASE_FIXTURE(Sealed, "a node runs so many at once, and refuses more") {
  CmekRunner one{{.rotations = 1}, {pool, keyring, audit, interruption, random, QuietLog()}};
  Cmek narrow{pool, one, audit, clock, random};
  const VaultId first = std::exchange(vault, MakeVault(alice, "other"));
  Enable(*current);
  interruption.At(1, [&] { CHECK(Begin(narrow, vault).error().kind == ErrorKind::kUnavailable); });
  Must(Begin(narrow, first));
  while (!one.Reserve()) std::this_thread::yield();
  CHECK(interruption.happened());
  CHECK(End(Must(Begin(narrow))).status == CmekRotationStatus::kCompleted);
}

TEST_CASE_FIXTURE(Sealed, "it waits for an HSM that is away, but not for ever") {
  Fill(3);
  interruption.At(1, [&] {
    keyring.SetUnavailable(true);
    interruption.At(3, [&] { keyring.SetUnavailable(false); });
  });
  CHECK(Rotate().status == CmekRotationStatus::kCompleted);
  CHECK(interruption.happened());
  CHECK(AllOpen(*next));

  std::swap(current, next);
  interruption.At(1, [&] { keyring.SetUnavailable(true); });
  const auto failed = Rotate();
  CHECK(failed.status == CmekRotationStatus::kFailed);
  CHECK(failed.error.find("away") != std::string::npos);
  keyring.SetUnavailable(false);
  CHECK(Rotate().status == CmekRotationStatus::kCompleted);
  CHECK(AllOpen(*next));
}

TEST_CASE_FIXTURE(Sealed, "a node that stops says so of what it worked on") {
  Fill(60);
  std::optional<CmekRunner> own;
  own.emplace(CmekConfig{.rotations = 1, .pace = {1}},
              CmekRunner::Parts{pool, keyring, audit, clock, random, QuietLog()});
  Cmek by_own{pool, *own, audit, clock, random};
  const auto stopped = Must(Begin(by_own));
  own.reset();
  CHECK(Now(stopped).status == CmekRotationStatus::kFailed);
  CHECK(Now(stopped).error.find("stopped") != std::string::npos);
  CHECK(Now(stopped).processed < 60);
  CHECK(NoneLost());
  CHECK(Rotate().status == CmekRotationStatus::kCompleted);
  CHECK(AllOpen(*next));
}

TEST_CASE_FIXTURE(Sealed, "each step is on record, under the rotation's id") {
  Fill(250);
  const auto rotation = Rotate();
  const auto rows = Sql(
      "SELECT action || ' ' || outcome || ' ' || coalesce(details::json->>'exchanged', '') FROM audit_events "
      "WHERE actor_type = 'system' AND resource_id = $1 AND request_id = $2 ORDER BY 1",
      {vault.ToString(), rotation.id.ToString()});
  std::vector<std::string> records;
  for (int row = 0; row < rows.size(); ++row) records.emplace_back(rows.Text(row, 0));
  CHECK(records == std::vector<std::string>{"cmek.exchange success 100", "cmek.exchange success 100",
                                            "cmek.exchange success 50", "cmek.finish success "});
}
