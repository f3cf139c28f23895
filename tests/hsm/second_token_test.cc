// Keys for a second token to which an installation moves, beside the first one of the same module.

#include <doctest/doctest.h>

#include "hsm/key_ceremony.h"
#include "tests/hsm/another_token.h"
#include "tests/hsm/backend.h"
#include "tests/hsm/raw_module.h"

using namespace claviger;
using namespace claviger::hsm;
using namespace claviger::hsm::tests;
using crypto::PublicKey;
using crypto::SigningKey;

namespace {

Successors SuccessorsOf(const HsmConfig& config) {
  const auto keys = ListKeys(config).value();
  Successors next{keys.roots.front() + 1, keys.lookups.front() + 1, keys.token.front().version + 1,
                  keys.audit.front().version + 1, keys.tls.front().version + 1};
  for (const auto which : {SigningKey::kToken, SigningKey::kAudit}) {
    for (const auto& key : keys.Of(which)) next.published.push_back(key.published);
  }
  return next;
}

bool Conflicts(const Status& status) { return !status && status.error().kind == ErrorKind::kConflict; }

struct Fixture {
  Kit kit;
  HsmConfig old = FreshToken();
  HsmConfig next = AnotherToken();
  Successors successors;

  Fixture() {
    kit.Initialize(old);
    successors = SuccessorsOf(old);
  }
  // Another program with the PIN, on a token on which nobody else works.
  template <class Work>
  void OnRawToken(const HsmConfig& config, const Work& work) {
    const auto& ck = RawFunctions(config.module_path);
    REQUIRE(ck.C_Initialize(nullptr) == CKR_OK);
    {
      RawSession session(config);
      std::string pin = Read(config.pin_file);
      pin.erase(pin.find_last_not_of("\r\n") + 1);
      REQUIRE(ck.C_Login(session.handle, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size()) ==
              CKR_OK);
      work(session);
    }
    REQUIRE(ck.C_Finalize(nullptr) == CKR_OK);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "A token without keys says so") {
  CHECK(ListKeys(next).value().None());
  CHECK(!ListKeys(old).value().None());
}

TEST_CASE_FIXTURE(Fixture,
                  "Successors are of higher versions, and the keys before are published and do not sign") {
  REQUIRE(MakeSuccessors(next, successors));
  const auto made = ListKeys(next).value();
  CHECK(made.roots == std::vector{successors.root});
  CHECK(made.lookups == std::vector{successors.lookup});
  REQUIRE(made.token.size() == 1 + ListKeys(old).value().token.size());
  CHECK(made.token.front().version == successors.token);
  CHECK(made.token.front().can_sign);
  CHECK(made.audit.front().version == successors.audit);
  CHECK(made.tls.front().version == successors.tls);
  for (const auto which : {SigningKey::kToken, SigningKey::kAudit}) {
    const auto& keys = made.Of(which);
    for (auto key = keys.begin() + 1; key != keys.end(); ++key) {
      CHECK(!key->can_sign);
      CHECK(std::find(successors.published.begin(), successors.published.end(), key->published) !=
            successors.published.end());
    }
  }
  // A daemon takes it: by the new keys it answers, and the old ones it publishes.
  const auto keyring = kit.Open(next);
  CHECK(keyring->Health().newest_root == successors.root);
  CHECK(keyring->Mac(AsBytes("m")).value().version == successors.lookup);
  CHECK(keyring->GenerateKek({}).value().root_version == successors.root);
  const auto published = keyring->PublicKeys(SigningKey::kToken).value();
  CHECK(published.front().kid == SigningKeyName(SigningKey::kToken, successors.token));
  CHECK(published.size() == made.token.size());
  CHECK(keyring->Sign(SigningKey::kToken, AsBytes("m")).value().kid == published.front().kid);
  const auto none = keyring->SignAs(SigningKey::kToken, published.back().kid, AsBytes("m"));
  REQUIRE(!none);
  CHECK(none.error().kind == ErrorKind::kNotFound);
}

TEST_CASE_FIXTURE(Fixture, "Making successors again makes nothing, and makes what is missing") {
  REQUIRE(MakeSuccessors(next, successors));
  const auto before = ListKeys(next).value();
  REQUIRE(MakeSuccessors(next, successors));
  CHECK(ListKeys(next).value().token.front().published == before.token.front().published);

  // As a visit that was killed leaves it: one half of the last pair, and none of another.
  OnRawToken(next, [&](RawSession& session) {
    for (const auto& [object_class, which, version] :
         {std::tuple{CKO_PRIVATE_KEY, SigningKey::kToken, successors.token},
          std::tuple{CKO_PRIVATE_KEY, SigningKey::kTls, successors.tls},
          std::tuple{CKO_PUBLIC_KEY, SigningKey::kTls, successors.tls}}) {
      const auto key = session.Find(object_class, SigningKeyName(which, version));
      REQUIRE(key != CK_INVALID_HANDLE);
      REQUIRE(session.ck.C_DestroyObject(session.handle, key) == CKR_OK);
    }
  });
  CHECK(!ListKeys(next).value().token.front().can_sign);
  REQUIRE(MakeSuccessors(next, successors));
  const auto after = ListKeys(next).value();
  CHECK(after.token.front().can_sign);
  CHECK(after.tls.front().can_sign);
  CHECK(after.audit.front().published == before.audit.front().published);
  CHECK(after.roots == before.roots);
}

TEST_CASE_FIXTURE(Fixture, "A token that holds other keys of ours is refused, and left as it is") {
  kit.Initialize(next);  // as `clavigerd init` does for another installation
  const auto before = ListKeys(next).value();
  CHECK(Conflicts(MakeSuccessors(next, successors)));
  const auto after = ListKeys(next).value();
  CHECK(after.roots == before.roots);
  CHECK(after.token.size() == before.token.size());
}

TEST_CASE_FIXTURE(Fixture, "The old token shows the next one's public halves, and signs as before") {
  REQUIRE(MakeSuccessors(next, successors));
  const auto made = ListKeys(next).value();
  const std::vector<PublicKey> halves{made.token.front().published, made.audit.front().published};
  const auto signer = kit.Open(old)->PublicKeys(SigningKey::kToken).value().front();
  REQUIRE(HoldPublicKeys(old, halves));
  REQUIRE(HoldPublicKeys(old, halves));
  auto other = halves;
  other[1].raw.back() ^= 1;
  CHECK(Conflicts(HoldPublicKeys(old, other)));

  const auto keyring = kit.Open(old);
  const auto published = keyring->PublicKeys(SigningKey::kToken).value();
  CHECK(published.front() == signer);
  CHECK(published.at(1) == halves[0]);
  const auto audit = keyring->PublicKeys(SigningKey::kAudit).value();
  CHECK(std::find(audit.begin(), audit.end(), halves[1]) != audit.end());
  CHECK(keyring->Sign(SigningKey::kToken, AsBytes("m")).value().kid == signer.kid);
}
