#include <thread>

#include "api/agents/agents.h"
#include "tests/unit/api/rotations_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

TEST_CASE_FIXTURE(RotationsFixture,
                  "wherever a rotation breaks off nothing is lost, and another node completes it") {
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

TEST_CASE_FIXTURE(RotationsFixture, "a node that was taken for dead changes nothing any more") {
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

TEST_CASE_FIXTURE(RotationsFixture,
                  "a node that was taken for dead changes nothing while another is at work") {
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

TEST_CASE_FIXTURE(RotationsFixture,
                  "whoever takes it up again makes all older claims void, be it the same node") {
  Begin();
  const Uuid node = NewUuidV7(clock, random);
  auto lease = Must(pool.Acquire());
  const auto first = *Must(rotations_store::TakeNext(*lease, node, clock.Now()));
  const auto second = *Must(rotations_store::TakeNext(*lease, node, clock.Now()));
  CHECK(!Must(rotations_store::Advance(*lease, first, 1, clock.Now())));
  CHECK(Must(rotations_store::Advance(*lease, second, 1, clock.Now())));
}

TEST_CASE_FIXTURE(RotationsFixture,
                  "a lease that has not ended is respected, but by the node that holds it") {
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

TEST_CASE_FIXTURE(RotationsFixture, "a write that was planned under the older key ends under the new one") {
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

TEST_CASE_FIXTURE(RotationsFixture,
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

TEST_CASE_FIXTURE(RotationsFixture,
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

TEST_CASE_FIXTURE(RotationsFixture, "a row that somebody changed stops the rotation, and nothing is lost") {
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
