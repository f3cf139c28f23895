#include "daemon/key_process/remote_keyring.h"

#include <doctest/doctest.h>

#include "base/request_scope.h"
#include "crypto/handshake_rules.h"
#include "crypto/token_claims.h"
#include "tests/unit/daemon/key_samples.h"

using namespace claviger;
using namespace claviger::daemon;
using namespace claviger::test;
using std::chrono::milliseconds;

namespace {

struct Fixture {
  explicit Fixture(uint32_t processes = 1, milliseconds timeout = milliseconds(5000), size_t waiting = 64)
      : keyring({processes, timeout, waiting}, starter, clock, log) {}
  void Start() {
    REQUIRE(keyring.Start());
    keyring.Watch();
  }

  const Log log{LogLevel::kError};
  const SystemClock clock;
  ThreadStarter starter;
  RemoteKeyring keyring;
};

// Within some seconds.
template <class Condition>
bool Eventually(const Condition& condition) {
  for (int n = 0; n < 1000; ++n) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

Bytes Aad(size_t number) { return Bytes(3, static_cast<uint8_t>(number)); }

}  // namespace

TEST_CASE("every verb gives what the keyring at the other end gives") {
  Fixture f;
  f.Start();
  const auto kek = f.keyring.GenerateKek(SampleKek(1)).value();
  CHECK(kek.identity == SampleKek(1));
  const auto made = f.keyring.GenerateDek(kek, Aad(1)).value();
  CHECK(f.keyring.OpenDek(kek, made.sealed, Aad(1)).value().key == made.dek.key);
  const auto next = f.keyring.GenerateKek({kek.identity.org, kek.identity.vault, 4}).value();
  const auto resealed = f.keyring.ResealDek({kek, made.sealed, Aad(1), next, Aad(2)}).value();
  CHECK(f.keyring.OpenDek(next, resealed, Aad(2)).value().key == made.dek.key);
  const auto sealed = f.keyring.SealDek(next, made.dek, Aad(3)).value();
  CHECK(f.keyring.OpenDek(next, sealed, Aad(3)).value().key == made.dek.key);
  CHECK(!f.keyring.OlderMac(AsBytes("m")).value());
  CHECK(Eventually([&] { return f.keyring.Health().newest_root == 1; }));
  CHECK(f.keyring.Mac(AsBytes("m")).value() == f.starter.keyring(0).Mac(AsBytes("m")).value());
  for (const auto role : {crypto::SigningKey::kToken, crypto::SigningKey::kAudit, crypto::SigningKey::kTls}) {
    CHECK(f.keyring.PublicKeys(role).value() == f.starter.keyring(0).PublicKeys(role).value());
  }
  CHECK(f.keyring.RefreshSigningKeys());
  f.keyring.ForgetKeks(kek.identity.vault);
  CHECK(Eventually([&] { return f.starter.keyring(0).Forgotten(kek.identity.vault) == 1; }));
}

TEST_CASE("nobody waits for keys to be forgotten: a process that takes no message forgets them afterwards") {
  constexpr auto kMax = static_cast<int>(KeyProcess::kMaxToForget);
  const auto vault = NumberedId<VaultId>(1);
  const auto beyond = NumberedId<VaultId>(2);
  const auto later = NumberedId<VaultId>(3);
  Fixture f;
  f.starter.Deafen(true);
  f.Start();
  const auto begun = std::chrono::steady_clock::now();
  for (int n = 0; n < 2 * kMax; ++n) f.keyring.ForgetKeks(vault);  // the channel itself takes some hundreds
  f.keyring.ForgetKeks(beyond);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
  f.starter.Deafen(false);
  auto& keyring = f.starter.keyring(0);
  CHECK(Eventually([&] { return keyring.Forgotten(vault) > kMax; }));
  CHECK(Eventually([&] {
    f.keyring.ForgetKeks(later);
    return keyring.Forgotten(later) > 0;
  }));
  CHECK(keyring.Forgotten(beyond) == 0);
  CHECK(f.starter.starts() == 1);
}

TEST_CASE("tokens, checkpoints and handshakes are signed, and nothing else") {
  Fixture f;
  f.Start();
  crypto::TokenClaims claims;
  claims.issued_at = UnixSeconds(f.clock.Now());
  claims.expires_at = claims.issued_at + 900;
  const auto token = crypto::SignToken(f.keyring, "https://vault.example", claims).value();
  const crypto::TokenVerifier verifier("https://vault.example",
                                       f.keyring.PublicKeys(crypto::SigningKey::kToken).value());
  CHECK(verifier.Verify(token, f.clock.Now()));
  claims.expires_at = claims.issued_at + 60;
  CHECK(!crypto::SignToken(f.keyring, "https://elsewhere.example", claims));

  crypto::AuditCheckpoint checkpoint;
  checkpoint.number = 1;
  checkpoint.created_at = f.clock.Now();
  checkpoint.kid = "claviger-audit-v1";
  const Bytes bytes = crypto::CheckpointBytes(checkpoint);
  CHECK(f.keyring.SignAs(crypto::SigningKey::kAudit, checkpoint.kid, bytes));
  CHECK(!f.keyring.Sign(crypto::SigningKey::kAudit, bytes));
  CHECK(!f.keyring.SignAs(crypto::SigningKey::kToken, "claviger-token-v1", bytes));
  CHECK(!f.keyring.Sign(crypto::SigningKey::kToken, bytes));

  const auto key = f.keyring.PublicKeys(crypto::SigningKey::kTls).value().front();
  const Bytes handshake = crypto::TrialHandshake();
  const auto signature = f.keyring.SignAs(crypto::SigningKey::kTls, key.kid, handshake).value();
  CHECK(crypto::VerifyEs256(key.raw, handshake, signature.bytes));
  CHECK(!f.keyring.Sign(crypto::SigningKey::kTls, handshake));
  CHECK(!f.keyring.SignAs(crypto::SigningKey::kTls, key.kid, bytes));
  CHECK(!f.keyring.SignAs(crypto::SigningKey::kTls, key.kid, AsBytes(token)));
  CHECK(!f.keyring.SignAs(crypto::SigningKey::kTls, key.kid, Bytes(kMaxHandshakeBytes + 1)));
  CHECK(!f.keyring.SignAs(crypto::SigningKey::kAudit, checkpoint.kid, handshake));
}

TEST_CASE("failures come as the keyring has them") {
  Fixture f;
  f.Start();
  auto kek = f.keyring.GenerateKek(SampleKek(1)).value();
  auto made = f.keyring.GenerateDek(kek, Aad(1)).value();
  CHECK(f.keyring.OpenDek(kek, made.sealed, Aad(2)).error().kind == ErrorKind::kIntegrity);
  f.starter.keyring(0).SetUnavailable(true);
  CHECK(f.keyring.OpenDek(kek, made.sealed, Aad(1)).error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("a row that is too long to be one is refused, and harms nobody") {
  Fixture f;
  f.Start();
  auto kek = f.keyring.GenerateKek(SampleKek(1)).value();
  const auto made = f.keyring.GenerateDek(kek, Aad(1)).value();
  auto edited = kek;
  edited.blob.resize(5000);
  CHECK(f.keyring.OpenDek(edited, made.sealed, Aad(1)).error().kind == ErrorKind::kIntegrity);
  const crypto::SealedDek long_dek{Bytes(70'000)};
  CHECK(f.keyring.OpenDek(kek, long_dek, Aad(1)).error().kind == ErrorKind::kIntegrity);
  CHECK(f.keyring.OpenDek(kek, made.sealed, Aad(1)));
  CHECK(f.starter.starts() == 1);
}

TEST_CASE("many data keys are answered in their order, over all processes and messages") {
  for (const uint32_t processes : {1U, 3U}) {
    CAPTURE(processes);
    Fixture f(processes);
    f.Start();
    std::vector<crypto::WrappedKek> keks;
    for (uint8_t vault = 0; vault < 5; ++vault)
      keks.push_back(f.keyring.GenerateKek(SampleKek(vault)).value());
    std::vector<crypto::Keyring::DekToMake> wanted;
    for (size_t n = 0; n < 150; ++n) wanted.push_back({keks[n % 5], Aad(n)});
    const auto made = f.keyring.GenerateDeks(wanted);
    REQUIRE(made.size() == 150);
    std::vector<crypto::Keyring::DekToOpen> sealed;
    for (size_t n = 0; n < 150; ++n) {
      REQUIRE(made[n]);
      sealed.push_back({keks[n % 5], made[n]->sealed, Aad(n == 77 ? 0 : n)});
    }
    const auto opened = f.keyring.OpenDeks(sealed);
    REQUIRE(opened.size() == 150);
    for (size_t n = 0; n < 150; ++n) {
      CAPTURE(n);
      CHECK(opened[n].has_value() == (n != 77));
      if (opened[n]) CHECK(opened[n]->key == made[n]->dek.key);
    }
  }
}

TEST_CASE("data keys with the longest names go in as many messages as it takes") {
  Fixture f;
  f.Start();
  const auto kek = f.keyring.GenerateKek(SampleKek(1)).value();
  const std::vector<crypto::Keyring::DekToMake> deks(64, {kek, Bytes(kMaxAadBytes, 1)});
  for (const auto& made : f.keyring.GenerateDeks(deks)) CHECK(made);
}

TEST_CASE("one that cannot be sent is left out, and those with it") {
  Fixture f;
  f.Start();
  const auto kek = f.keyring.GenerateKek(SampleKek(1)).value();
  const std::vector<crypto::Keyring::DekToMake> deks{{kek, Bytes(kMaxAadBytes + 1, 1)}};
  const auto made = f.keyring.GenerateDeks(deks);
  REQUIRE(made.size() == 1);
  CHECK(!made[0]);
  CHECK(f.keyring.GenerateDeks({}).empty());
}

TEST_CASE("customers' keys are found and checked, and used at the other end only") {
  Fixture f;
  f.Start();
  const auto org = NumberedId<OrgId>(1);
  f.starter.tokens().MakeKey(org, "t", "k");
  const auto key = f.keyring.Find({org, NumberedId<crypto::CustomerKeyId>(2), "t", "k"}).value();
  CHECK(f.keyring.Check(org, key));
  f.starter.tokens().Fail(crypto::CustomerRefusal(crypto::kCustomerKeyDisabled));
  const auto refused = f.keyring.Check(org, key);
  CHECK(refused.error().kind == ErrorKind::kForbidden);
  CHECK(refused.error().cause == crypto::kCustomerKeyDisabled);
  CHECK(f.keyring.Seal(org, key, {}, {}).error().kind == ErrorKind::kInternal);
}

TEST_CASE("a process that dies is replaced, and what comes meanwhile waits for the next") {
  Fixture f;
  f.Start();
  const auto kek = f.keyring.GenerateKek(SampleKek(1)).value();
  for (int deaths = 1; deaths <= 3; ++deaths) {
    f.starter.Kill(0);
    REQUIRE(Eventually([&] { return f.starter.starts() == 1 + deaths; }));
    CHECK(f.keyring.GenerateDek(kek, Aad(1)));
  }
  CHECK(Eventually([&] { return f.keyring.Health().state == crypto::KeyringHealth::State::kOk; }));
}

TEST_CASE("a process that falls silent is replaced") {
  Fixture f(1, milliseconds(1));  // 2 s, the shortest silence
  f.Start();
  f.starter.Silence(0);
  CHECK(Eventually([&] { return f.keyring.Health().state != crypto::KeyringHealth::State::kOk; }));
  CHECK(Eventually([&] { return f.starter.starts() == 2; }));
  CHECK(Eventually([&] { return f.keyring.Health().state == crypto::KeyringHealth::State::kOk; }));
}

TEST_CASE("while no process starts requests are refused at once, and afterwards they work again") {
  Fixture f;
  f.Start();
  Error refusal = Unavailable("no token");
  f.starter.Refuse(refusal);
  f.starter.Kill(0);
  REQUIRE(Eventually([&] { return f.starter.starts() >= 3; }));
  const auto begun = std::chrono::steady_clock::now();
  CHECK(f.keyring.Mac(AsBytes("m")).error().kind == ErrorKind::kUnavailable);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(2));
  CHECK(f.keyring.Health().state == crypto::KeyringHealth::State::kUnavailable);
  CHECK(f.keyring.Health().last_error == "no token");
  f.starter.Refuse(std::nullopt);
  CHECK(Eventually([&] { return f.keyring.Mac(AsBytes("m")).has_value(); }));
  CHECK(f.keyring.Health().last_error == "no token");  // until there is a newer one
}

TEST_CASE("another process answers for one that is away") {
  Fixture f(2);
  f.Start();
  const auto kek = f.keyring.GenerateKek(SampleKek(1)).value();
  f.starter.Refuse(Unavailable("no token"));
  f.starter.Kill(1);
  REQUIRE(Eventually([&] { return f.starter.starts() >= 3; }));
  for (uint8_t vault = 0; vault < 4; ++vault) CHECK(f.keyring.GenerateKek(SampleKek(vault)));
  CHECK(Eventually([&] { return f.keyring.Health().state == crypto::KeyringHealth::State::kDegraded; }));
  CHECK(f.keyring.GenerateDeks({{kek, Aad(1)}})[0]);
}

TEST_CASE("a start fails with what the key process says") {
  Fixture f;
  f.starter.Refuse(MakeError(ErrorKind::kForbidden, "The token refuses the PIN"));
  const auto started = f.keyring.Start();
  CHECK(started.error().kind == ErrorKind::kForbidden);
  CHECK(started.error().detail == "The token refuses the PIN");
  CHECK(f.starter.starts() == 1);
  f.starter.Refuse(std::nullopt);
  f.Start();
  CHECK(f.keyring.Mac(AsBytes("m")));
}

TEST_CASE("a process of another build is not spoken to") {
  Fixture f;
  f.starter.SayBuild("0.0 00");
  CHECK(f.keyring.Start().error().cause == "the key process is of another build");
}

TEST_CASE("more requests than may wait are refused") {
  Fixture f(1, milliseconds(5000), 0);
  f.Start();
  CHECK(f.keyring.Mac(AsBytes("m")).error().cause == "too many requests to the key process");
}

TEST_CASE("many threads ask at once, and each gets its own answer") {
  Fixture f(2);
  f.Start();
  const auto kek = f.keyring.GenerateKek(SampleKek(1)).value();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t n = 0; n < 100; ++n) {
        const Bytes text{static_cast<uint8_t>(thread), static_cast<uint8_t>(n)};
        const auto mac = f.keyring.Mac(text);
        if (!mac || mac.value() != f.starter.keyring(0).Mac(text).value()) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("it is in the name of whose request a thread works") {
  CHECK(RequestScope::Current().is_nil());
  const Uuid outer = NumberedId<OrgId>(1).uuid;
  const Uuid inner = NumberedId<OrgId>(2).uuid;
  {
    const RequestScope first(outer);
    {
      const RequestScope second(inner);
      CHECK(RequestScope::Current() == inner);
      std::thread([] { CHECK(RequestScope::Current().is_nil()); }).join();
    }
    CHECK(RequestScope::Current() == outer);
  }
  CHECK(RequestScope::Current().is_nil());
}
