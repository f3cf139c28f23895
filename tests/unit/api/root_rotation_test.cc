#include <functional>
#include <thread>

#include "api/mail/mail_sender.h"
#include "api/rotations/root_runner.h"
#include "api/rotations/rotations.h"
#include "api/secrets/secrets.h"
#include "api/system_keks/system_keks_store.h"
#include "api/vaults/vaults.h"
#include "tests/fakes/fake_mail_transport.h"
#include "tests/unit/api/mfa_fixture.h"
#include "tests/unit/api/rotating_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;
using namespace std::chrono_literals;
using Progress = RootRunner::Progress;

namespace {

// Ann has a second factor and vaults, and there is mail.
struct Fixture : MfaFixture {
  Fixture() {
    ann.role = Role::kOwner;
    Enable();
  }
  VaultId MakeVault(const char* called) {
    auto draft = Draft();
    const VaultId vault = Must(vaults.Create(ann, {.name = called, .description = ""}, draft)).id;
    made.push_back(vault);
    Put(vault, "a");
    Put(vault, "b");
    return vault;
  }
  void Put(const VaultId& vault, const char* path) {
    auto draft = Draft();
    PutSecretRequest request;
    request.value = SecretBytes(std::string_view("value"));
    Must(secrets.Put({{ann, client}, vault, path, request, draft}));
  }
  std::string Get(const VaultId& vault, const char* path) {
    auto draft = Draft();
    return std::string(Must(secrets.Get({{ann, client}, vault, path, draft})).value.Text());
  }
  bool AllOpen() {
    for (const VaultId& vault : made) {
      if (Get(vault, "a") != "value" || Get(vault, "b") != "value") return false;
    }
    // A code counts once.
    clock.Advance(30s);
    return Verify(Challenge(), Code()).has_value();
  }
  std::optional<Mail::Prepared> PrepareMail() {
    clock.Advance(1us);
    return Must(mail_out.Prepare("bob@example.org", {"Subject", "Body\n"}));
  }
  Result<bool> Post(const std::optional<Mail::Prepared>& prepared) {
    auto lease = Must(pool.Acquire());
    return mail_out.Post(*lease, prepared);
  }
  void PostMails(int count) {
    for (int i = 0; i < count; ++i) REQUIRE(Must(Post(PrepareMail())));
  }

  Status TryBegin(uint32_t version) {
    auto lease = Must(pool.Acquire());
    const auto begun =
        lease->RunTogether({root_store::Begin(version, NewUuidV7(clock, random), clock.Now())});
    if (!begun) return begun.error();
    return Ok();
  }
  // A new root, and everything is to lie under it.
  uint32_t Begin() {
    const uint32_t version = keyring.RotateRoot();
    Must(TryBegin(version));
    return version;
  }
  RootRunner::Parts PartsOf(const Clock& of) { return {pool, keyring, audit, of, random, QuietLog()}; }
  // Nodes work on everything until nothing more happens.
  Result<Progress> Run(RootRunner& root) {
    for (int i = 0; i < 100; ++i) {
      TRY(const auto progress, root.Step());
      if (progress == Progress::kOver || progress == Progress::kIdle) return progress;
      TRY(const bool worked, vault_runner.RunOne());
      if (progress == Progress::kWait && !worked) return progress;
    }
    return Internal("no end");
  }
  Progress Run() { return Must(Run(runner)); }
  Result<Progress> OtherNodeRuns() {
    RootRunner other({{}, 0ms}, PartsOf(clock));
    return Run(other);
  }
  void LeaseEnds() {
    Sql("UPDATE root_rotations SET lease_until = now() - interval '1 second' WHERE state = 'running'");
    Sql("UPDATE rotations SET lease_until = now() - interval '1 second' WHERE state = 'running'");
  }
  root_store::RootRotation Now() {
    auto lease = Must(pool.Acquire());
    return *Must(root_store::FindLast(*lease));
  }
  template <class T>
  T With(const std::function<Result<T>(schema::Connection&)>& work) {
    auto lease = Must(pool.Acquire());
    return Must(work(*lease));
  }
  // Everything lies under that root, and the HSM needs no other.
  bool Complete(uint32_t version) {
    const auto in_use =
        With<std::optional<root_store::RootsInUse>>([](auto& c) { return root_store::FindInUse(c); });
    keyring.DestroyOldRoots();
    return Now().state == RotationState::kDone && in_use->oldest == version && in_use->newest == version &&
           Count("SELECT count(*) FROM system_keks") == 1 && AllOpen();
  }
  int64_t Older(uint32_t version) {
    return Count("SELECT count(*) FROM vault_keks WHERE root_version < $1", {version});
  }

  PolicyBook book{pool, clock};
  Vaults vaults{pool, keyring, audit, clock, random};
  Secrets secrets{pool, keyring, book, audit, clock, random};
  Rotations rotations{pool, audit, clock, random};
  Mail mail_out{{"vault@example.org", "https://vault.example.org"}, {keyring, pool, clock, random}};
  fakes::FakeMailTransport transport;
  MailSender sender{{10s, 60s}, {pool, keyring, transport, clock, random, QuietLog()}};
  Interruption interruption{clock};
  RotationRunner vault_runner{{}, PartsOf(clock)};
  RootRunner runner{{{}, 0ms}, PartsOf(interruption)};
  http::ClientAddress client = http::PeerAddress("192.0.2.7");
  std::vector<VaultId> made;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "everything comes to lie under the new root, and opens without the old one") {
  MakeVault("v");
  MakeVault("w");
  PostMails(2);
  CHECK(Run() == Progress::kIdle);
  const uint32_t root = Begin();
  CHECK(root == 2);
  CHECK(Now().vaults == 2);
  CHECK(Now().records == 3);
  CHECK(AllOpen());
  CHECK(Run() == Progress::kOver);
  CHECK(Now().resealed == 3);
  CHECK(Complete(root));
  CHECK(Count("SELECT count(*) FROM system_keks WHERE version = 2 AND root_version = 2") == 1);
  CHECK(Count("SELECT count(*) FROM vault_keks WHERE version = 2 AND root_version = 2") == 2);
  CHECK(Count("SELECT count(*) FROM rotations WHERE requested_by = 'root-key' AND state = 'done'") == 2);
  CHECK(Must(sender.SendOne()));
  CHECK(Must(sender.SendOne()));
  CHECK(transport.accepted.size() == 2);
  CHECK(transport.accepted[1].second.ends_with("\r\n\r\nBody\r\n"));
  CHECK(Run() == Progress::kIdle);

  MakeVault("x");
  const uint32_t again = Begin();
  CHECK(Run() == Progress::kOver);
  CHECK(Complete(again));
}

TEST_CASE_FIXTURE(Fixture, "each step is on the installation's record, under the rotation's id") {
  MakeVault("v");
  PostMails(2);
  Begin();
  CHECK(Run() == Progress::kOver);
  const auto rows =
      Sql("SELECT action || ' ' || outcome || ' ' || (details::json->>'root_version') FROM audit_events "
          "WHERE org_id = $1 AND actor_type = 'system' AND request_id = $2 ORDER BY 1",
          {Uuid{}, FormatUuid(Now().id)});
  std::vector<std::string> records;
  for (int row = 0; row < rows.size(); ++row) records.emplace_back(rows.Text(row, 0));
  CHECK(records == std::vector<std::string>{"root_key.finish success 2", "root_key.reseal success 2",
                                            "root_key.system_kek success 2"});
  CHECK(Count("SELECT count(*) FROM audit_events WHERE action = 'rotation.start' AND org_id = $1 AND "
              "details::json->>'requested_by' = 'root-key'",
              {ann.org}) == 1);
}

TEST_CASE_FIXTURE(Fixture, "from its beginning on no KEK is written under an older root") {
  fakes::FakeKeyring late;  // of a node that has not found the new root
  Vaults vaults_there(pool, late, audit, clock, random);
  auto draft = Draft();
  Must(vaults_there.Create(ann, {.name = "before", .description = ""}, draft));
  Begin();
  const auto refused = vaults_there.Create(ann, {.name = "v", .description = ""}, draft);
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::kUnavailable);
  CHECK(refused.error().sqlstate == "40001");
  CHECK(Count("SELECT count(*) FROM vaults") == 1);

  RootRunner runner_there({{}, 0ms}, {pool, late, audit, clock, random, QuietLog()});
  RotationRunner vault_runner_there({}, {pool, late, audit, clock, random, QuietLog()});
  // It leaves the work to nodes that have.
  CHECK(Must(runner_there.Step()) == Progress::kIdle);
  CHECK(Now().state == RotationState::kPending);
  MakeVault("new");
  CHECK(Older(2) == 1);
  while (Must(runner.Step()) == Progress::kMore) continue;  // until it waits for the vault's rotation
  CHECK(!Must(vault_runner_there.RunOne()));
  CHECK(Must(vault_runner.RunOne()));
}

TEST_CASE_FIXTURE(Fixture, "a rotation begins once, and the next when it is done") {
  const uint32_t root = Begin();
  CHECK(TryBegin(root).error().kind == ErrorKind::kConflict);
  keyring.RotateRoot();
  CHECK(TryBegin(root + 1).error().kind == ErrorKind::kConflict);
  CHECK(Run() == Progress::kOver);
  CHECK(TryBegin(root).error().kind == ErrorKind::kConflict);
  CHECK(TryBegin(root + 1).has_value());
}

TEST_CASE_FIXTURE(Fixture, "wherever it breaks off nothing is lost, and another node completes it") {
  MakeVault("v");
  for (const char* event :
       {"INSERT ON system_keks", "UPDATE ON totp_factors", "UPDATE ON outbox", "INSERT ON rotations",
        "DELETE ON system_keks", "UPDATE ON root_rotations", "INSERT ON audit_events"}) {
    for (const bool deferred : {false, true}) {
      CAPTURE(event);
      CAPTURE(deferred);
      PostMails(1);
      const uint32_t root = Begin();
      const std::string trigger = std::string(deferred ? "CREATE CONSTRAINT TRIGGER" : "CREATE TRIGGER") +
                                  " break_off " + (deferred ? "AFTER " : "BEFORE ") + event +
                                  (deferred ? " DEFERRABLE INITIALLY DEFERRED" : "") +
                                  " FOR EACH ROW EXECUTE FUNCTION break_off()";
      Sql("CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken off' "
          "USING ERRCODE = '57014'; END $$");
      Sql(trigger.c_str());
      CHECK(!Run(runner));
      Sql("DROP FUNCTION break_off CASCADE");
      CHECK(AllOpen());
      CHECK(Now().state != RotationState::kDone);
      LeaseEnds();
      CHECK(Must(OtherNodeRuns()) == Progress::kOver);
      CHECK(Complete(root));
      const auto after = Must(runner.Step());  // it learns that it is over
      CHECK((after == Progress::kOver || after == Progress::kIdle));
    }
  }
}

TEST_CASE_FIXTURE(Fixture, "a node that was taken for dead changes nothing any more") {
  MakeVault("v");
  // Looks at the clock: at the claim, and at each write. The other node goes through all of it meanwhile.
  for (int look = 1; look <= 9; ++look) {
    CAPTURE(look);
    PostMails(1);
    const uint32_t root = Begin();
    interruption.At(look, [&] {
      LeaseEnds();
      CHECK(Must(OtherNodeRuns()) == Progress::kOver);
    });
    Run();
    CHECK(interruption.happened());
    CHECK(Complete(root));
    CHECK(Now().resealed == look + 1);  // the factor, and the mails so far
    interruption.At(0, {});
  }
}

TEST_CASE_FIXTURE(Fixture, "a node that was taken for dead changes nothing while another is at work") {
  const auto state = [&] {
    return std::string(
        Sql("SELECT (SELECT string_agg(f.kek_version || f.sealed_secret::text, ',') FROM totp_factors f) || "
            "(SELECT string_agg(k.version::text, ',' ORDER BY k.version) FROM system_keks k) || "
            "(SELECT row(r.state, r.fence, r.records_resealed, r.lease_owner)::text FROM root_rotations r "
            "  WHERE r.state <> 'done')")
            .Text(0, 0));
  };
  // Before each of its three commits: of the system KEK, of a batch, of the end.
  for (const int look : {3, 6, 8}) {
    CAPTURE(look);
    const uint32_t root = Begin();
    std::string before;
    interruption.At(look, [&] {
      Sql("UPDATE root_rotations SET fence = fence + 1, lease_owner = gen_random_uuid(),"
          " lease_until = now() + interval '1 minute' WHERE state = 'running'");
      before = state();
    });
    while (Must(runner.Step()) == Progress::kMore) {
    }
    CHECK(interruption.happened());
    CHECK(state() == before);
    LeaseEnds();
    CHECK(Must(OtherNodeRuns()) == Progress::kOver);
    CHECK(Complete(root));
  }
}

TEST_CASE_FIXTURE(Fixture, "whoever takes it up again makes all older claims void, be it the same node") {
  Begin();
  const Uuid node = NewUuidV7(clock, random);
  const auto take = [&](auto& c) { return root_store::Take(c, node, clock.Now()); };
  const auto first = *With<std::optional<root_store::Claim>>(take);
  const auto second = *With<std::optional<root_store::Claim>>(take);
  const auto advance = [&](const root_store::Claim& claim) {
    return With<bool>([&](auto& c) { return root_store::Advance(c, claim, 1, clock.Now()); });
  };
  CHECK(!advance(first));
  CHECK(advance(second));
  CHECK(Now().resealed == 1);
}

TEST_CASE_FIXTURE(Fixture, "a lease that has not ended is respected, but by the node that holds it") {
  Begin();
  CHECK(Must(runner.Step()) == Progress::kMore);
  CHECK(Must(OtherNodeRuns()) == Progress::kIdle);
  keyring.SetUnavailable(true);
  CHECK(KindOf(runner.Step()) == ErrorKind::kUnavailable);
  keyring.SetUnavailable(false);
  CHECK(Now().state == RotationState::kRunning);
  CHECK(Run() == Progress::kOver);
}

TEST_CASE_FIXTURE(Fixture, "a paused rotation stands still until it is resumed") {
  MakeVault("v");
  const uint32_t root = Begin();
  CHECK(Must(runner.Step()) == Progress::kMore);
  const auto pause = [&](auto& c) { return root_store::Pause(c, clock.Now()); };
  CHECK(With<bool>(pause));
  CHECK(!With<bool>(pause));
  CHECK(Must(runner.Step()) == Progress::kOver);
  CHECK(Must(OtherNodeRuns()) == Progress::kIdle);
  CHECK(Now().state == RotationState::kPaused);
  CHECK(Now().resealed == 0);
  CHECK(Count("SELECT count(*) FROM rotations") == 0);
  CHECK(AllOpen());
  const auto resume = [&](auto& c) { return root_store::Resume(c, clock.Now()); };
  CHECK(With<bool>(resume));
  CHECK(!With<bool>(resume));
  CHECK(Must(OtherNodeRuns()) == Progress::kOver);
  CHECK(Complete(root));
}

TEST_CASE_FIXTURE(Fixture, "a factor is the same one after it was sealed anew") {
  const mfa_store::Owner owner{ann.org, UserId{ann.id}};
  const auto find = [&](auto& c) { return mfa_store::Find(c, owner); };
  const auto seen = *With<std::optional<mfa_store::Factor>>(find);
  const auto challenge = Challenge();
  Begin();
  CHECK(Run() == Progress::kOver);
  const auto now = *With<std::optional<mfa_store::Factor>>(find);
  CHECK(now.id == seen.id);
  CHECK(now.sealed_secret != seen.sealed_secret);
  // Whoever read it before, to spend a code of it, finds it again.
  CHECK(With<bool>([&](auto& c) { return mfa_store::Lock(c, owner, seen); }));
  CHECK(Verify(challenge, Code()).has_value());

  // Nor does a setup that waits for its first code notice.
  Must(Disable({}, kPassword));
  Setup();
  Begin();
  CHECK(Run() == Progress::kOver);
  CHECK(VerifySetup(Code()).has_value());
}

TEST_CASE_FIXTURE(Fixture, "a factor that was set up anew meanwhile is not overwritten") {
  Must(Disable({}, kPassword));
  Setup();
  const auto outdated =
      With<std::vector<mfa_store::Outdated>>([](auto& c) { return mfa_store::FindOutdated(c, 2, 10); });
  REQUIRE(outdated.size() == 1);
  Setup();
  CHECK(!With<bool>([&](auto& c) { return mfa_store::Reseal(c, outdated[0], 1, Bytes(108)); }));
  CHECK(VerifySetup(Code()).has_value());
}

TEST_CASE_FIXTURE(Fixture, "what was sealed before the new system KEK, and comes late, is sealed anew too") {
  const auto late = PrepareMail();
  const uint32_t root = Begin();
  CHECK(Must(runner.Step()) == Progress::kMore);  // the new system KEK
  CHECK(Must(runner.Step()) == Progress::kMore);  // what there is
  CHECK(Must(Post(late)));
  CHECK(Run() == Progress::kOver);
  CHECK(Now().resealed == 2);
  CHECK(Complete(root));
  CHECK(Must(sender.SendOne()));
  CHECK(transport.accepted.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "no system KEK is removed before those who still seal under it had their time") {
  RootRunner patient({{}, 1h}, PartsOf(clock));
  const uint32_t root = Begin();
  CHECK(Must(Run(patient)) == Progress::kWait);
  CHECK(Count("SELECT count(*) FROM totp_factors WHERE kek_version = 2") == 1);
  CHECK(Count("SELECT count(*) FROM system_keks") == 2);
  CHECK(Now().state == RotationState::kRunning);
  Sql("UPDATE system_keks SET created_at = created_at - interval '1 hour'");
  CHECK(Must(Run(patient)) == Progress::kOver);
  CHECK(Complete(root));
}

TEST_CASE_FIXTURE(Fixture, "a record that does not open stops it, is named, and nothing is lost") {
  MakeVault("v");
  PostMails(1);
  const uint32_t root = Begin();
  Sql("UPDATE totp_factors SET sealed_secret = set_byte(sealed_secret, 80, get_byte(sealed_secret, 80) # 1)");
  CHECK(!Run(runner));
  CHECK(Now().state == RotationState::kFailed);
  CHECK(Now().error == "The second factor of " + FormatUuid(ann.id) +
                           " does not open: somebody changed its row. Restore or delete the row, then rotate "
                           "again");
  CHECK(Must(runner.Step()) == Progress::kIdle);
  CHECK(Count("SELECT count(*) FROM audit_events WHERE action = 'root_key.fail' AND outcome = 'failed'") ==
        1);
  Sql("UPDATE totp_factors SET sealed_secret = set_byte(sealed_secret, 80, get_byte(sealed_secret, 80) # 1)");
  CHECK(With<bool>([&](auto& c) { return root_store::Resume(c, clock.Now()); }));
  CHECK(Run() == Progress::kOver);
  CHECK(Complete(root));
}

TEST_CASE_FIXTURE(Fixture, "vaults that somebody holds up are named, and the rotation waits for them") {
  const VaultId paused = MakeVault("v");
  const VaultId broken = MakeVault("w");
  MakeVault("x");
  auto draft = Draft();
  const auto rotation = Must(rotations.Start(ann, paused, draft));
  Must(rotations.Pause(ann, rotation.id, draft));
  const uint32_t root = Begin();
  const auto edit = [&] {
    Sql("UPDATE secret_versions SET sealed_dek = set_byte(sealed_dek, 30, get_byte(sealed_dek, 30) # 1) "
        "WHERE vault_id = $1",
        {broken});
  };
  edit();
  CHECK(Must(runner.Step()) == Progress::kMore);
  for (int i = 0; i < 4; ++i) {
    CHECK(runner.Step().has_value());
    (void)vault_runner.RunOne();
  }
  CHECK(Must(runner.Step()) == Progress::kWait);
  const auto left = With<root_store::Left>([&](auto& c) { return root_store::CountLeft(c, root); });
  CHECK(left.vaults == 2);
  CHECK(left.held == 2);
  auto named =
      With<std::vector<root_store::LeftVault>>([&](auto& c) { return root_store::FindLeft(c, root, 10); });
  REQUIRE(named.size() == 2);
  if (named[0].vault != paused) std::swap(named[0], named[1]);
  CHECK(named[0].vault == paused);
  CHECK(named[0].rotation == RotationState::kPaused);
  CHECK(named[1].vault == broken);
  CHECK(named[1].rotation == RotationState::kFailed);
  CHECK(named[1].error.find("does not open") != std::string::npos);

  edit();
  CHECK(With<bool>([&](auto& c) { return root_store::Resume(c, clock.Now()); }));
  Must(rotations.Resume(ann, rotation.id, draft));
  CHECK(Run() == Progress::kOver);
  CHECK(Complete(root));
}

TEST_CASE_FIXTURE(Fixture, "of many vaults only some are rotated at once, those of people among them") {
  for (int64_t i = 0; i < RootRunner::kWindow + 20; ++i) MakeVault(("v" + std::to_string(i)).c_str());
  const uint32_t root = Begin();
  CHECK(Must(runner.Step()) == Progress::kMore);
  CHECK(Must(runner.Step()) == Progress::kMore);
  CHECK(Must(runner.Step()) == Progress::kWait);
  const char* unfinished = "SELECT count(*) FROM rotations WHERE state <> 'done'";
  CHECK(Count(unfinished) == RootRunner::kWindow);
  CHECK(Must(vault_runner.RunOne()));
  CHECK(Must(runner.Step()) == Progress::kWait);
  CHECK(Count(unfinished) == RootRunner::kWindow);
  while (Must(vault_runner.RunOne())) {
  }
  CHECK(Run() == Progress::kOver);
  CHECK(Complete(root));
}
