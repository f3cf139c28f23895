#include "daemon/key_process/key_service.h"

#include <doctest/doctest.h>

#include "crypto/handshake_rules.h"
#include "crypto/token_claims.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/daemon/key_samples.h"

using namespace claviger;
using namespace claviger::daemon;
using namespace claviger::test;

namespace {

constexpr const char* kIssuer = "https://vault.example";

struct Fixture {
  fakes::FakeKeyring keyring;
  fakes::FakeCustomerTokens tokens;
  MemoryOrder order;
  fakes::FakeClock clock;
  Log log{LogLevel::kError};
  KeyService service{kIssuer, {keyring, tokens, order, clock, log}};

  template <class Write>
  std::optional<SecretBytes> Ask(Verb verb, const Write& write) {
    WireWriter wire;
    Pass(wire, RequestHead{verb, 1, {}});
    write(wire);
    return service.Answer(wire.Take()->View());
  }
  // The verb's own failure, or success.
  template <class Write, class Read>
  Status Call(Verb verb, const Write& write, const Read& read) {
    const auto answer = Ask(verb, write);
    REQUIRE(answer);
    ByteView rest;
    REQUIRE(ReadKeyMessage(answer->View(), rest)->number == 1);
    WireReader wire(rest);
    return ReadAnswer(wire, read);
  }
  Status SignToken(std::string_view text) {
    crypto::Signature signature;
    return Call(
        Verb::kSignToken, [&](WireWriter& wire) { wire.Field(AsBytes(text), 0xFFFF); },
        [&](WireReader& wire) { Pass(wire, signature); });
  }
  Status SignCheckpoint(uint64_t number, uint8_t previous) {
    crypto::AuditCheckpoint checkpoint;
    checkpoint.number = number;
    checkpoint.previous.fill(previous);
    checkpoint.created_at = clock.Now();
    checkpoint.kid = "claviger-audit-v1";
    return SignAsCheckpoint(checkpoint.kid, crypto::CheckpointBytes(checkpoint));
  }
  Status SignAsCheckpoint(const std::string& kid, ByteView text) {
    crypto::Signature signature;
    return Call(
        Verb::kSignCheckpoint,
        [&](WireWriter& wire) {
          wire.Field(kid, 0xFFFF);
          wire.Field(text, 0xFFFF);
        },
        [&](WireReader& wire) { Pass(wire, signature); });
  }
  Status SignHandshake(ByteView text) {
    crypto::Signature signature;
    return Call(
        Verb::kSignHandshake,
        [&](WireWriter& wire) {
          wire.Field(std::string("claviger-tls-v1"), 0xFFFF);
          wire.Field(text, 0xFFFF);
        },
        [&](WireReader& wire) { Pass(wire, signature); });
  }
  std::string Token(int64_t issued_at, int64_t lifetime = 900) {
    crypto::TokenClaims claims;
    claims.issued_at = issued_at;
    claims.expires_at = issued_at + lifetime;
    const auto key = keyring.PublicKeys(crypto::SigningKey::kToken).value().front();
    return Base64UrlEncode(AsBytes(crypto::TokenHeaderJson(key.algorithm, key.kid))) + '.' +
           Base64UrlEncode(AsBytes(crypto::TokenClaimsJson(kIssuer, claims)));
  }
  int64_t now() const { return UnixSeconds(clock.Now()); }
};

}  // namespace

TEST_CASE("tokens are signed as they are given, and no others") {
  Fixture f;
  CHECK(f.SignToken(f.Token(f.now())));
  CHECK(!f.SignToken(f.Token(f.now(), 901)));
  CHECK(!f.SignToken(f.Token(f.now() + 61)));
  CHECK(!f.SignToken(f.Token(f.now() - 61)));
  CHECK(!f.SignToken("anything else"));
}

TEST_CASE("checkpoints are signed in ascending order") {
  Fixture f;
  CHECK(f.SignCheckpoint(5, 1));
  CHECK(f.SignCheckpoint(6, 2));
  CHECK(f.SignCheckpoint(9, 3));  // another node has sealed those between
  CHECK(!f.SignCheckpoint(8, 3));
  CHECK(!f.SignCheckpoint(5, 1));
}

TEST_CASE("a checkpoint whose commit failed is signed again, but not behind another one") {
  Fixture f;
  CHECK(f.SignCheckpoint(5, 1));
  CHECK(f.SignCheckpoint(5, 1));
  CHECK(f.SignCheckpoint(5, 2).error().cause == "a checkpoint to sign is not the next one");
  CHECK(f.SignCheckpoint(6, 2));
}

TEST_CASE("a new key process goes on where the one before stood") {
  Fixture f;
  CHECK(f.SignCheckpoint(5, 1));
  KeyService next(kIssuer, {f.keyring, f.tokens, f.order, f.clock, f.log});
  crypto::AuditCheckpoint checkpoint;
  checkpoint.number = 4;
  checkpoint.created_at = f.clock.Now();
  checkpoint.kid = "claviger-audit-v1";
  const auto ask = [&] {
    WireWriter wire;
    Pass(wire, RequestHead{Verb::kSignCheckpoint, 1, {}});
    wire.Field(checkpoint.kid, 64);
    wire.Field(crypto::CheckpointBytes(checkpoint), 1024);
    const auto answer = next.Answer(wire.Take()->View());
    ByteView rest;
    REQUIRE(ReadKeyMessage(answer->View(), rest));
    return rest.front() == 1;
  };
  CHECK(!ask());
  checkpoint.number = 5;
  CHECK(ask());
}

TEST_CASE("the audit key signs no token, and the token key no checkpoint") {
  Fixture f;
  const std::string token = f.Token(f.now());
  CHECK(!f.SignAsCheckpoint("claviger-audit-v1", AsBytes(token)));
  CHECK(!f.SignAsCheckpoint("claviger-token-v1", AsBytes(token)));
  crypto::AuditCheckpoint checkpoint;
  checkpoint.number = 1;
  checkpoint.created_at = f.clock.Now();
  checkpoint.kid = "claviger-audit-v1";
  CHECK(!f.SignToken(AsText(crypto::CheckpointBytes(checkpoint))));
}

TEST_CASE("the TLS key signs handshakes, and no token, request or checkpoint") {
  Fixture f;
  CHECK(f.SignHandshake(crypto::TrialHandshake()));
  CHECK(f.SignHandshake(AsBytes("anything else")).error().cause == "no handshake to sign");
  CHECK(!f.SignHandshake(AsBytes(f.Token(f.now()).substr(0, kMaxHandshakeBytes))));
  CHECK(!f.SignToken(AsText(crypto::TrialHandshake())));
  CHECK(!f.SignAsCheckpoint("claviger-tls-v1", crypto::TrialHandshake()));
}

TEST_CASE("failures of the keyring are answers") {
  Fixture f;
  f.keyring.SetUnavailable(true);
  crypto::WrappedKek kek;
  const Status made = f.Call(
      Verb::kGenerateKek,
      [](WireWriter& wire) {
        const auto identity = SampleKek(1);
        Pass(wire, identity);
      },
      [&](WireReader& wire) { Pass(wire, kek); });
  CHECK(made.error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("what is no request gets no answer") {
  Fixture f;
  CHECK(!f.service.Answer({}));
  const auto nothing = [](WireWriter&) {};
  for (uint8_t verb = 0; verb <= kLastVerb; ++verb) {
    CAPTURE(verb);
    if (verb == static_cast<uint8_t>(Verb::kRefreshSigningKeys)) continue;
    CHECK(!f.Ask(static_cast<Verb>(verb), nothing));
  }
  const auto one_byte = [](WireWriter& wire) { wire.Choice(0, 0); };
  CHECK(f.Ask(Verb::kRefreshSigningKeys, nothing));
  CHECK(!f.Ask(Verb::kRefreshSigningKeys, one_byte));
  CHECK(f.Ask(Verb::kPublicKeys, one_byte));
  CHECK(!f.Ask(Verb::kPublicKeys, [](WireWriter& wire) { wire.Choice(3, 3); }));
  // More than a batch.
  CHECK(!f.Ask(Verb::kOpenDeks, [](WireWriter& wire) {
    const std::vector<DekToOpen> deks(kMaxDeks + 1);
    PassList(wire, deks, deks.size());
  }));
  CHECK(f.Ask(Verb::kOpenDeks, [](WireWriter& wire) {
    const std::vector<DekToOpen> deks(kMaxDeks);
    PassList(wire, deks, kMaxDeks);
  }));
}
