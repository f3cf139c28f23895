#include "api/customer_keys/customer_keys.h"

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "api/cmek/cmek.h"
#include "api/rotations/rotation_runner.h"
#include "api/rotations/rotations.h"
#include "api/secrets/secrets.h"
#include "api/vaults/vaults.h"
#include "crypto/customer_keyring.h"
#include "crypto/random.h"
#include "tests/fakes/fake_customer_tokens.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : Database {
  Fixture() {
    alice.role = Role::kOwner;
    tokens.MakeKey(alice.org, "acme", "first");
    tokens.MakeKey(alice.org, "acme", "second");
    auto draft = Draft();
    vault = Must(vaults.Create(alice, {.name = "v", .description = ""}, draft)).id;
  }
  AuditDraft Draft() {
    AuditDraft draft(http::Request{}, "test.action", "test");
    draft.SetActor(alice);
    return draft;
  }
  Result<SecretMetadata> Put(const std::string& path, std::string_view value) {
    auto draft = Draft();
    PutSecretRequest request;
    request.value = SecretBytes(value);
    return secrets.Put({{alice, client}, vault, path, request, draft});
  }
  Result<Secret> Read(const std::string& path) {
    auto draft = Draft();
    return secrets.Get({{alice, client}, vault, path, draft});
  }
  void Fill(int count) {
    for (int i = 0; i < count; ++i) Must(Put("s/" + std::to_string(i), "value " + std::to_string(i)));
    filled = count;
  }
  bool AllOpen() {
    for (int i = 0; i < filled; ++i) {
      const auto read = Read("s/" + std::to_string(i));
      if (!read || read.value().value.Text() != "value " + std::to_string(i)) return false;
    }
    return true;
  }
  Result<Rotation> Bind(const char* label, const char* token = "acme") {
    auto draft = Draft();
    return keys.Bind(alice, vault, {token, label}, draft);
  }
  Result<Rotation> Release() {
    auto draft = Draft();
    return keys.Release(alice, vault, draft);
  }
  Result<CustomerKeyStatus> Status() {
    auto draft = Draft();
    return keys.Get(alice, vault, draft);
  }
  Result<Vault> EnableCmek() {
    auto draft = Draft();
    return cmek.Enable(alice, vault, crypto::Digest{1}, draft);
  }
  Rotation Now(const Rotation& rotation) { return Must(rotations.Get(alice, rotation.id)); }
  void Run() { REQUIRE(Must(runner.RunOne())); }
  void Bound(const char* label) {
    Must(Bind(label));
    Run();
  }
  // Of the vault's data keys so many lie under a customer's key.
  int64_t Layered() {
    return Count("SELECT count(*) FROM secret_versions WHERE vault_id = $1 AND octet_length(sealed_dek) = 88",
                 {vault});
  }
  int64_t Versions() { return Count("SELECT count(*) FROM secret_versions WHERE vault_id = $1", {vault}); }
  int64_t Keys() { return Count("SELECT count(*) FROM vault_customer_keys WHERE vault_id = $1", {vault}); }

  crypto::SystemRandom random;
  fakes::FakeCustomerTokens tokens;
  crypto::CustomerKeyring both{std::make_unique<fakes::FakeKeyring>(), tokens};
  AuditLog audit{pool, clock, random, QuietLog(), 10};
  Vaults vaults{pool, both, audit, clock, random};
  PolicyBook book{pool, clock};
  Secrets secrets{pool, both, book, audit, clock, random};
  Rotations rotations{pool, audit, clock, random};
  RotationRunner runner{{}, {pool, both, audit, clock, random, QuietLog()}};
  CmekRunner cmek_runner{{}, {pool, both, audit, clock, random, QuietLog()}};
  Cmek cmek{pool, cmek_runner, audit, clock, random};
  CustomerKeys keys{pool, tokens, audit, clock, random};
  http::ClientAddress client = http::PeerAddress("192.0.2.7");
  Principal alice = AddUser();
  VaultId vault;
  int filled = 0;
};

template <class T>
std::string Reason(const Result<T>& result) {
  return result                                         ? "none"
         : result.error().kind == ErrorKind::kForbidden ? result.error().cause
                                                        : Name(result.error().kind);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a vault is bound, bound to another key, and released, and every version follows") {
  Fill(3);
  Must(Put("s/0", "old"));
  Must(Put("s/0", "value 0"));
  CHECK(Status().error().kind == ErrorKind::kNotFound);

  const auto rotation = Must(Bind("first"));
  CHECK(Must(Status()).state == CustomerKeyState::kBinding);
  CHECK(Must(Status()).rotation->id == rotation.id);
  CHECK(AllOpen());
  Run();
  CHECK(Now(rotation).state == RotationState::kDone);
  CHECK(Must(Status()).state == CustomerKeyState::kBound);
  CHECK(!Must(Status()).rotation);
  CHECK(Layered() == 5);
  CHECK(AllOpen());

  Bound("second");
  CHECK(Must(Status()).key == "second");
  CHECK(Layered() == 5);
  CHECK(AllOpen());
  tokens.MakeKey(alice.org, "acme", "first");  // the first one is not needed any more
  CHECK(AllOpen());

  Must(Release());
  CHECK(Must(Status()).state == CustomerKeyState::kReleasing);
  Run();
  CHECK(Status().error().kind == ErrorKind::kNotFound);
  CHECK(Layered() == 0);
  tokens.Fail(crypto::CustomerRefusal(crypto::kCustomerTokenAbsent));
  CHECK(AllOpen());
}

TEST_CASE_FIXTURE(Fixture, "from the new key on all is written under both") {
  Bound("first");
  Fill(2);
  CHECK(Layered() == 2);
  CHECK(AllOpen());
  // A rotation of the vault's own key keeps the customer's.
  auto draft = Draft();
  Must(rotations.Start(alice, vault, draft));
  Run();
  CHECK(Layered() == 2);
  CHECK(AllOpen());
  CHECK(Must(Status()).state == CustomerKeyState::kBound);
}

TEST_CASE_FIXTURE(
    Fixture, "what the customer forbids is forbidden, with its reason, and what is away is unavailable") {
  Bound("first");
  Fill(2);
  for (const char* reason : {crypto::kCustomerTokenAbsent, crypto::kCustomerKeyDisabled}) {
    tokens.Fail(crypto::CustomerRefusal(reason));
    auto draft = Draft();
    CHECK(Reason(secrets.Get({{alice, client}, vault, "s/0", draft})) == reason);
    const auto record = audit.Finish(draft, "denied");
    CHECK(record.details.find(reason) != std::string::npos);
    CHECK(Reason(Put("s/0", "x")) == reason);
    CHECK(Must(Status()).reason == reason);
    auto together = Draft();
    CHECK(!secrets.GetTogether({{{alice, client}, vault, "s/1", together}}).front());
  }
  tokens.Fail(Unavailable("away"));
  CHECK(Reason(Read("s/0")) == Name(ErrorKind::kUnavailable));
  CHECK(Must(Status()).reason == crypto::kCustomerTokenUnreachable);
  tokens.Fail(std::nullopt);
  CHECK(AllOpen());
}

TEST_CASE_FIXTURE(Fixture, "reads that wait together leave bound vaults to the handler for one") {
  Fill(1);
  const VaultId plain = vault;
  auto draft = Draft();
  vault = Must(vaults.Create(alice, {.name = "w", .description = ""}, draft)).id;
  Bound("first");
  Fill(1);
  auto one = Draft();
  auto other = Draft();
  const auto together =
      secrets.GetTogether({{{alice, client}, plain, "s/0", one}, {{alice, client}, vault, "s/0", other}});
  CHECK(together[0]);
  CHECK(!together[1]);
  CHECK(AllOpen());
}

TEST_CASE_FIXTURE(Fixture, "a key that is not to be used is not bound, and nothing changes") {
  CHECK(Reason(Bind("nowhere")) == crypto::kCustomerKeyAbsent);
  tokens.Fail(Unavailable("away"));
  CHECK(Reason(Bind("first")) == Name(ErrorKind::kUnavailable));
  tokens.Fail(std::nullopt);
  CHECK(Count("SELECT count(*) FROM rotations") == 0);
  CHECK(Keys() == 0);
  Bound("first");
  CHECK(Bind("first").error().kind == ErrorKind::kConflict);
  Must(Bind("second"));
  CHECK(Bind("first").error().kind == ErrorKind::kConflict);  // a rotation is not done
  CHECK(Release().error().kind == ErrorKind::kConflict);
  CHECK(Keys() == 2);
}

TEST_CASE_FIXTURE(Fixture, "keys that nothing names any more are forgotten") {
  for (int i = 0; i < 3; ++i) {
    Bound("first");
    Bound("second");
  }
  CHECK(Keys() == 2);
  Must(Release());
  Run();
  Bound("first");
  CHECK(Keys() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a vault has one kind of customer's key or the other") {
  Bound("first");
  CHECK(EnableCmek().error().kind == ErrorKind::kConflict);
  Must(Release());
  Run();
  Must(EnableCmek());
  CHECK(Bind("first").error().kind == ErrorKind::kConflict);
  CHECK(Count("SELECT count(*) FROM vaults WHERE customer_key_id IS NOT NULL") == 0);
}

TEST_CASE_FIXTURE(Fixture, "who binds a vault that gets the other kind at that moment is told so") {
  auto enabling = Connect("claviger_app", name);
  auto transaction = Must(enabling->Begin());
  Must(enabling->Run(
      testing::Sql("UPDATE vaults SET cmek_fingerprint = decode(repeat('01', 32), 'hex') WHERE id = $1"),
      {vault}));
  std::optional<Result<Rotation>> bound;
  std::thread binding([&] { bound = Bind("first"); });
  auto observer = Connect("postgres", name);
  while (
      Must(observer->Run(testing::Sql("SELECT count(*) FROM pg_locks WHERE NOT granted"), {})).Int8(0, 0) ==
      0) {
    std::this_thread::yield();
  }
  Must(transaction.Commit());
  binding.join();
  CHECK(Reason(*bound) == Name(ErrorKind::kConflict));
  CHECK(Keys() == 0);
}

TEST_CASE_FIXTURE(Fixture, "only who may manage the vault binds and releases") {
  Principal member = alice;
  member.id = NewUuidV7(clock, random);
  member.role = Role::kMember;
  auto draft = Draft();
  CHECK(keys.Bind(member, vault, {"acme", "first"}, draft).error().kind == ErrorKind::kForbidden);
  CHECK(keys.Release(member, vault, draft).error().kind == ErrorKind::kForbidden);
  CHECK(keys.Get(member, vault, draft).error().kind == ErrorKind::kForbidden);
  const Principal stranger = AddUser();
  CHECK(keys.Bind(stranger, vault, {"acme", "first"}, draft).error().kind == ErrorKind::kNotFound);
  CHECK(keys.Release(stranger, vault, draft).error().kind == ErrorKind::kNotFound);
  CHECK(keys.Get(stranger, vault, draft).error().kind == ErrorKind::kNotFound);
}

TEST_CASE_FIXTURE(Fixture,
                  "a rotation that meets a disabled key fails, loses nothing, and goes on when resumed") {
  Fill(3);
  Bound("first");
  const auto rotation = Must(Bind("second"));
  tokens.Fail(crypto::CustomerRefusal(crypto::kCustomerKeyDisabled));
  CHECK(!runner.RunOne());
  const auto failed = Now(rotation);
  CHECK(failed.state == RotationState::kFailed);
  CHECK(failed.error.find("disabled") != std::string::npos);
  tokens.Fail(std::nullopt);
  CHECK(AllOpen());
  auto draft = Draft();
  Must(rotations.Resume(alice, rotation.id, draft));
  Run();
  CHECK(Now(rotation).state == RotationState::kDone);
  CHECK(Layered() == 3);
  CHECK(AllOpen());
}

TEST_CASE_FIXTURE(Fixture, "a node that cannot reach the token leaves the rotation to others") {
  Fill(3);
  const auto rotation = Must(Bind("first"));
  fakes::FakeCustomerTokens elsewhere;
  elsewhere.Fail(Unavailable("not configured"));
  crypto::CustomerKeyring without{std::make_unique<fakes::FakeKeyring>(), elsewhere};
  RotationRunner other({}, {pool, without, audit, clock, random, QuietLog()});
  CHECK(other.RunOne().error().kind == ErrorKind::kUnavailable);
  CHECK(Now(rotation).state == RotationState::kRunning);
  Run();
  CHECK(Now(rotation).state == RotationState::kDone);
  CHECK(AllOpen());
}

TEST_CASE_FIXTURE(Fixture,
                  "a rotation that waits for a token keeps those of other vaults waiting once at most") {
  Fill(1);
  Bound("first");
  auto draft = Draft();
  const auto stuck = Must(rotations.Start(alice, vault, draft));
  std::vector<Rotation> others;
  for (const char* called : {"v1", "v2", "v3"}) {
    clock.Advance(std::chrono::seconds(1));
    const VaultId other = Must(vaults.Create(alice, {.name = called, .description = ""}, draft)).id;
    others.push_back(Must(rotations.Start(alice, other, draft)));
  }
  tokens.Fail(Unavailable("away"));
  clock.Advance(std::chrono::seconds(1));
  CHECK(runner.RunOne().error().kind == ErrorKind::kUnavailable);
  for (const auto& other : others) {
    CHECK(Must(runner.RunOne()));
    CHECK(Now(other).state == RotationState::kDone);
  }
  CHECK(Now(stuck).state == RotationState::kRunning);
  tokens.Fail(std::nullopt);
  CHECK(Must(runner.RunOne()));
  CHECK(Now(stuck).state == RotationState::kDone);
  CHECK(AllOpen());
}

TEST_CASE_FIXTURE(Fixture,
                  "a sealed data key moved to another row, or under another binding, does not open") {
  Bound("first");
  Fill(2);
  const auto read = [&] { return Reason(Read("s/0")); };
  const auto restore = [&] {
    Sql("UPDATE secret_versions r SET sealed_dek = o.sealed_dek, ciphertext = o.ciphertext, "
        "kek_version = o.kek_version, first_kek_version = o.first_kek_version FROM kept o "
        "WHERE o.secret_id = r.secret_id AND o.version = r.version");
  };
  Sql("DROP TABLE IF EXISTS kept");
  Sql("CREATE TABLE kept AS SELECT * FROM secret_versions");
  Sql("UPDATE secret_versions r SET sealed_dek = o.sealed_dek, ciphertext = o.ciphertext FROM "
      "secret_versions o "
      "WHERE o.secret_id <> r.secret_id");
  CHECK(read() == Name(ErrorKind::kIntegrity));
  restore();
  CHECK(AllOpen());
  // The KEK's row says that there is no customer's key, or another.
  Sql("UPDATE vault_keks SET customer_key_id = NULL");
  CHECK(read() == Name(ErrorKind::kIntegrity));
  Sql("UPDATE vault_keks SET customer_key_id = (SELECT customer_key_id FROM vaults LIMIT 1)");
  CHECK(AllOpen());
  Sql("UPDATE vault_customer_keys SET label = 'second'");
  CHECK(read() == Name(ErrorKind::kIntegrity));
  Sql("UPDATE vault_customer_keys SET label = 'first'");
  // An older state of the row, from before the next binding: its KEK is gone.
  Bound("second");
  CHECK(AllOpen());
  Sql("UPDATE secret_versions r SET sealed_dek = o.sealed_dek FROM kept o "
      "WHERE o.secret_id = r.secret_id AND o.version = r.version");
  CHECK(read() == Name(ErrorKind::kIntegrity));
  Sql("DROP TABLE kept");
}

TEST_CASE_FIXTURE(Fixture, "a bound vault is deleted with its keys") {
  Bound("first");
  Fill(2);
  Must(Bind("second"));
  auto draft = Draft();
  Must(vaults.Delete(alice, vault, draft));
  CHECK(Count("SELECT count(*) FROM vault_customer_keys") == 0);
  CHECK(Count("SELECT count(*) FROM vault_keks") == 0);
}

TEST_CASE_FIXTURE(Fixture, "binding, reading and releasing are on record") {
  Bound("first");
  Must(Release());
  const auto rows =
      Sql("SELECT details::json->>'token', details::json->>'key', details::json->>'rotation_id' FROM "
          "audit_events "
          "WHERE action = 'test.action' AND details::json->>'key' IS NOT NULL ORDER BY id");
  REQUIRE(rows.size() == 2);
  for (int row = 0; row < 2; ++row) {
    CHECK(rows.Text(row, 0) == "acme");
    CHECK(rows.Text(row, 1) == "first");
    CHECK(!rows.Text(row, 2).empty());
  }
}
