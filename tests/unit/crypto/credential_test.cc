#include "crypto/credential.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/fakes/fake_keyring.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;
using namespace claviger::crypto;

TEST_CASE("a credential is its prefix and 43 characters that stand for 32 random bytes") {
  fakes::FakeRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const SecretBytes credential = NewCredential("1ck_", random);
    CHECK(credential.size() == 47);
    CHECK(HasCredentialForm("1ck_", credential.Text()));
    CHECK(!HasCredentialForm("ocv_", credential.Text()));
    CHECK(seen.insert(std::string(credential.Text())).second);
  }
}

TEST_CASE("only the one spelling of a credential has its form") {
  const std::string good = "1ck_" + std::string(43, 'A');
  CHECK(HasCredentialForm("1ck_", good));
  for (const std::string& bad :
       {std::string("1ck_"), good + "A", good + "=", good.substr(0, 46), "1CK_" + good.substr(4),
        good.substr(0, 46) + "B", good.substr(0, 46) + "+", good.substr(0, 46) + " ", " " + good}) {
    CAPTURE(bad);
    CHECK(!HasCredentialForm("1ck_", bad));
  }
}

TEST_CASE("the stored form depends on credential, purpose and the HSM's key") {
  fakes::FakeKeyring keyring(1);
  fakes::FakeKeyring other(2);
  const auto mac = CredentialMac(keyring, "claviger/api-key/1", "a").value();
  CHECK(mac.size() == 32);
  CHECK(mac == CredentialMac(keyring, "claviger/api-key/1", "a").value());
  CHECK(mac != CredentialMac(keyring, "claviger/api-key/1", "b").value());
  CHECK(mac != CredentialMac(keyring, "claviger/agent-key/1", "a").value());
  CHECK(mac != CredentialMac(other, "claviger/api-key/1", "a").value());
  // Where the purpose ends is part of what is authenticated.
  CHECK(CredentialMac(keyring, "p", "qr").value() != CredentialMac(keyring, "pq", "r").value());
  keyring.SetUnavailable(true);
  CHECK(CredentialMac(keyring, "claviger/api-key/1", "a").error().kind == ErrorKind::kUnavailable);
}
