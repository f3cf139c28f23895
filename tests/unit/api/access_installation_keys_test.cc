#include <doctest/doctest.h>

#include <thread>

#include "api/access/installation_keys.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_keyring.h"

using namespace claviger;
using namespace claviger::api;
using crypto::SigningKey;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Fixture {
  Log log{LogLevel::kError};
  fakes::FakeClock clock;
  fakes::FakeKeyring keyring;
  fakes::FakeKeyring elsewhere;  // the same keys, and those of the same rotations
  crypto::TokenVerifier verifier{"issuer", {}};
  InstallationKeys keys{seconds(30), keyring, verifier, clock, log};

  Fixture() { REQUIRE(keys.Refresh()); }
  std::string TokenFromElsewhere() {
    crypto::TokenClaims claims;
    claims.issued_at = UnixSeconds(clock.Now());
    claims.expires_at = claims.issued_at + 900;
    return crypto::SignToken(elsewhere, "issuer", claims).value();
  }
  Result<crypto::TokenClaims> Verify(const std::string& token) { return verifier.Verify(token, clock.Now()); }
  bool Publishes(const std::string& kid) {
    return keys.Documents()->jwks.find('"' + kid + '"') != std::string::npos;
  }
  void Rotate() {
    elsewhere.RotateSigningKey(SigningKey::kToken);
    keyring.RotateBeforeNextRefresh(SigningKey::kToken);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "What the keyring finds is accepted and published") {
  const std::string old_token = TokenFromElsewhere();
  CHECK(Verify(old_token));
  CHECK(keys.Documents()->signing.find("claviger-token-v1") != std::string::npos);
  Rotate();
  const std::string new_token = TokenFromElsewhere();
  CHECK_FALSE(Verify(new_token));
  CHECK_FALSE(Publishes("claviger-token-v2"));

  REQUIRE(keys.Refresh());
  CHECK(Verify(new_token));
  CHECK(Verify(old_token));
  CHECK(Publishes("claviger-token-v1"));
  CHECK(Publishes("claviger-token-v2"));
  CHECK(keys.Documents()->signing.find("claviger-token-v2") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "A node that could not look for half a settling refuses no unknown key") {
  const std::string old_token = TokenFromElsewhere();
  Rotate();
  const std::string new_token = TokenFromElsewhere();
  keyring.SetUnavailable(true);
  CHECK_FALSE(keys.Refresh());
  clock.Advance(seconds(15));
  CHECK(Verify(new_token).error().kind == ErrorKind::kUnauthenticated);
  clock.Advance(milliseconds(1));
  CHECK(Verify(new_token).error().kind == ErrorKind::kUnavailable);
  CHECK(Verify(old_token));  // of a key that is known
  CHECK(Verify("not a token").error().kind == ErrorKind::kUnauthenticated);
  CHECK(keys.Documents()->signing.find("claviger-token-v1") != std::string::npos);

  keyring.SetUnavailable(false);
  REQUIRE(keys.Refresh());
  CHECK(Verify(new_token));
}

TEST_CASE_FIXTURE(Fixture, "The thread looks at once when the feed says so, and otherwise in its own time") {
  InstallationKeys patient(std::chrono::hours(1), keyring, verifier, clock, log);
  REQUIRE(patient.Refresh());
  patient.Start();
  Rotate();
  const Uuid other{1};
  patient.Forget("org", other);
  patient.Forget("user", {});
  std::this_thread::sleep_for(milliseconds(50));
  CHECK_FALSE(Verify(TokenFromElsewhere()));
  patient.Forget("org", {});
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while (!Verify(TokenFromElsewhere()) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CHECK(Verify(TokenFromElsewhere()));
}

TEST_CASE_FIXTURE(Fixture, "The thread finds a key that nobody told of, also after an outage") {
  InstallationKeys quick(milliseconds(60), keyring, verifier, clock, log);
  REQUIRE(quick.Refresh());
  keyring.SetUnavailable(true);
  Rotate();
  quick.Start();
  std::this_thread::sleep_for(milliseconds(50));
  keyring.SetUnavailable(false);
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while (!Verify(TokenFromElsewhere()) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CHECK(Verify(TokenFromElsewhere()));
}

TEST_CASE_FIXTURE(Fixture, "Keys are exchanged while others verify") {
  const std::string token = TokenFromElsewhere();
  std::atomic<bool> stop{false};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (!stop) refused += Verify(token) ? 0 : 1;
    });
  }
  for (int i = 0; i < 50; ++i) {
    keyring.RotateBeforeNextRefresh(SigningKey::kToken);
    CHECK(keys.Refresh());
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  CHECK(refused == 0);
}
