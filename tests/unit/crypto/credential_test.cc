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
  CHECK(mac.version == 1);
  CHECK(mac.bytes.size() == 32);
  CHECK(mac == CredentialMac(keyring, "claviger/api-key/1", "a").value());
  CHECK(mac != CredentialMac(keyring, "claviger/api-key/1", "b").value());
  CHECK(mac != CredentialMac(keyring, "claviger/agent-key/1", "a").value());
  CHECK(mac != CredentialMac(other, "claviger/api-key/1", "a").value());
  // Where the purpose ends is part of what is authenticated.
  CHECK(CredentialMac(keyring, "p", "qr").value() != CredentialMac(keyring, "pq", "r").value());
  keyring.SetUnavailable(true);
  CHECK(CredentialMac(keyring, "claviger/api-key/1", "a").error().kind == ErrorKind::kUnavailable);
}

namespace {

constexpr std::string_view kPurpose = "claviger/api-key/1";

// What LookUp looks for, in order, if `there` is stored.
std::vector<Bytes> LookedFor(const LookupMacs& macs, const std::optional<Bytes>& there) {
  std::vector<Bytes> looked_for;
  const auto look = [&](const Bytes& mac) -> Result<bool> {
    looked_for.push_back(mac);
    return mac == there;
  };
  const auto answer = macs.LookUp(look, [](bool found) { return found; });
  CHECK(answer.value() == there.has_value());
  return looked_for;
}

}  // namespace

TEST_CASE("with one lookup key there is one MAC to look for, and the HSM is asked once") {
  fakes::FakeKeyring keyring;
  const auto stored = CredentialMac(keyring, kPurpose, "a").value();
  const int before = keyring.Macs();
  const auto macs = CredentialMacs(keyring, kPurpose, "a").value();
  CHECK(keyring.Macs() == before + 1);
  CHECK(macs.newest == stored);
  CHECK_FALSE(macs.other);
  CHECK_FALSE(macs.Outdate(1));
  for (const auto& there : {std::optional(stored.bytes), std::optional<Bytes>()}) {
    CHECK(LookedFor(macs, there) == std::vector<Bytes>{stored.bytes});
  }
}

TEST_CASE("of two lookup keys the newest is for what is new, and what moves meanwhile is not missed") {
  fakes::FakeKeyring keyring;
  const auto before = CredentialMac(keyring, kPurpose, "a").value();
  keyring.RotateLookupKey();
  const auto after = CredentialMac(keyring, kPurpose, "a").value();
  CHECK(after.version == 2);
  CHECK(after.bytes != before.bytes);
  const int asked = keyring.Macs();
  auto macs = CredentialMacs(keyring, kPurpose, "a").value();
  CHECK(keyring.Macs() == asked + 2);
  CHECK(macs.newest == after);
  CHECK(macs.other == before);
  CHECK(macs.Outdate(1));
  CHECK_FALSE(macs.Outdate(2));
  // From older to newer, as things move; the same if the newest is not in use here yet.
  for (int time = 0; time < 2; ++time) {
    CHECK(LookedFor(macs, before.bytes) == std::vector<Bytes>{before.bytes});
    CHECK(LookedFor(macs, after.bytes) == std::vector<Bytes>{before.bytes, after.bytes});
    CHECK(LookedFor(macs, std::nullopt) == std::vector<Bytes>{before.bytes, after.bytes});
    std::swap(macs.newest, *macs.other);
  }
  int looks = 0;
  const auto fail = [&](const Bytes&) -> Result<bool> {
    ++looks;
    return Unavailable("no database");
  };
  CHECK(macs.LookUp(fail, [](bool found) { return found; }).error().kind == ErrorKind::kUnavailable);
  CHECK(looks == 1);

  keyring.DropOlderLookupKey();
  CHECK_FALSE(CredentialMacs(keyring, kPurpose, "a").value().other);
}

TEST_CASE("a move that begins between the two questions leaves out neither key") {
  fakes::FakeKeyring keyring;
  keyring.RotateLookupKeyAfterNextMac();
  const auto macs = CredentialMacs(keyring, kPurpose, "a").value();
  CHECK(macs.newest.version == 2);
  REQUIRE(macs.other);
  CHECK(macs.other->version == 1);
}

TEST_CASE("what was made of a message is made again as long as its lookup key is there") {
  fakes::FakeKeyring keyring;
  const Bytes message{1, 2, 3};
  const Bytes first = keyring.Mac(message).value().bytes;
  CHECK(MacOfVersion(keyring, 1, message).value() == first);
  CHECK_FALSE(MacOfVersion(keyring, 2, message).value());
  CHECK(OldestMac(keyring, message).value() == first);
  keyring.RotateLookupKey();
  const Bytes second = keyring.Mac(message).value().bytes;
  CHECK(MacOfVersion(keyring, 1, message).value() == first);
  CHECK(MacOfVersion(keyring, 2, message).value() == second);
  CHECK(OldestMac(keyring, message).value() == first);
  keyring.DropOlderLookupKey();
  CHECK_FALSE(MacOfVersion(keyring, 1, message).value());
  CHECK(MacOfVersion(keyring, 2, message).value() == second);
  CHECK(OldestMac(keyring, message).value() == second);
}
