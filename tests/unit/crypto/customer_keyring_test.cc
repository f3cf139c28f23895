#include "crypto/customer_keyring.h"

#include <memory>

#include "crypto/canonical.h"
#include "tests/fakes/fake_customer_tokens.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

struct Fixture {
  fakes::FakeCustomerTokens tokens;
  CustomerKeyring keyring{std::make_unique<fakes::FakeKeyring>(), tokens};
  fakes::FakeKeyring plain;  // of the same seed, without customers
  fakes::FakeRandom random{2};
  WrappedKek kek = keyring.GenerateKek(kKek).value();

  Fixture() {
    tokens.MakeKey(kOrg, "acme", "first");
    tokens.MakeKey(kOrg, "acme", "second");
  }
  CustomerKey Key(const char* label) {
    return tokens.Find({kOrg, CustomerKeyId{NewUuidV7(Time{}, random)}, "acme", label}).value();
  }
  WrappedKek Under(const CustomerKey& key) const {
    WrappedKek both = kek;
    both.customer = key;
    return both;
  }
  SealedSecret Seal(const WrappedKek& with, std::string_view value = "correct horse") {
    return SealSecret(keyring, random, with, kSecret, AsBytes(value)).value();
  }
  ErrorKind KindOfOpening(const WrappedKek& with, const SealedSecret& sealed) {
    const auto opened = OpenSecret(keyring, with, kSecret, sealed);
    return opened ? ErrorKind::kConflict : opened.error().kind;
  }
};

}  // namespace

TEST_CASE("AADs of customers' keys are the documented ones") {
  const auto id = SampleId<CustomerKeyId>("0190aaaa-0009-7000-8000-000000000001");
  CHECK(CustomerKeyAad(kOrg, id) == KnownAnswer("customer_key_aad"));
  CHECK(CustomerDekAad(id, DekAad(kSecret)) == KnownAnswer("customer_dek_aad"));
}

TEST_CASE_FIXTURE(Fixture, "A data key under two keys opens with both, and with neither alone") {
  const auto both = Under(Key("first"));
  const auto sealed = Seal(both);
  CHECK(sealed.dek.bytes.size() == 88);
  CHECK(OpenSecret(keyring, both, kSecret, sealed).value().Text() == "correct horse");

  CHECK(KindOfOpening(kek, sealed) == ErrorKind::kIntegrity);
  CHECK(!OpenSecret(plain, both, kSecret, sealed));
  const CustomerKey& key = *both.customer;
  const auto inner = tokens.Open(kOrg, key, CustomerDekAad(key.id, DekAad(kSecret)), sealed.dek.bytes);
  REQUIRE(inner);
  CHECK(inner.value().size() == 60);
}

TEST_CASE_FIXTURE(Fixture, "A KEK without a customer's key is as it ever was") {
  const auto sealed = Seal(kek);
  CHECK(sealed.dek.bytes.size() == 60);
  CHECK(OpenSecret(plain, kek, kSecret, sealed).value().Text() == "correct horse");
  CHECK(tokens.asked() == 0);
}

TEST_CASE_FIXTURE(Fixture, "What was sealed for another row, or under another key, does not open") {
  const auto both = Under(Key("first"));
  const auto sealed = Seal(both);
  SecretIdentity moved = kSecret;
  for (const auto move :
       {+[](SecretIdentity& id) { id.version = 1; }, +[](SecretIdentity& id) { id.path += "x"; },
        +[](SecretIdentity& id) { id.secret.uuid.data[15] ^= 1; }}) {
    moved = kSecret;
    move(moved);
    CHECK(OpenSecret(keyring, both, moved, sealed).error().kind == ErrorKind::kIntegrity);
  }
  CHECK(KindOfOpening(Under(Key("second")), sealed) == ErrorKind::kIntegrity);
  // The same key of the token, bound once more.
  CHECK(KindOfOpening(Under(Key("first")), sealed) == ErrorKind::kIntegrity);
  for (size_t bit = 0; bit < sealed.dek.bytes.size() * 8; bit += 7) {
    SealedSecret bent = sealed;
    bent.dek.bytes[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    CHECK(KindOfOpening(both, bent) == ErrorKind::kIntegrity);
  }
}

TEST_CASE_FIXTURE(Fixture, "A token that refuses, or is away, says so for reads, writes and moves") {
  const auto both = Under(Key("first"));
  const auto sealed = Seal(both);
  for (const char* reason : {kCustomerTokenAbsent, kCustomerTokenRefuses, kCustomerKeyAbsent,
                             kCustomerKeyChanged, kCustomerKeyDisabled}) {
    tokens.Fail(CustomerRefusal(reason));
    const auto read = OpenSecret(keyring, both, kSecret, sealed);
    REQUIRE(!read);
    CHECK(read.error().kind == ErrorKind::kForbidden);
    CHECK(read.error().cause == reason);
    CHECK(SealSecret(keyring, random, both, kSecret, AsBytes("x")).error().cause == reason);
    CHECK(ResealDek(keyring, {both, kSecret, sealed.dek, both}).error().cause == reason);
  }
  tokens.Fail(Unavailable("away"));
  CHECK(KindOfOpening(both, sealed) == ErrorKind::kUnavailable);
  tokens.Fail(std::nullopt);
  CHECK(OpenSecret(keyring, both, kSecret, sealed));
}

TEST_CASE_FIXTURE(Fixture, "Data keys move under a customer's key, to another, and back") {
  const auto first = Under(Key("first"));
  const auto second = Under(Key("second"));
  auto sealed = Seal(kek);
  SecretIdentity identity = kSecret;
  const WrappedKek* from = &kek;
  for (const WrappedKek* to : {&first, &second, static_cast<const WrappedKek*>(&kek)}) {
    sealed.dek = ResealDek(keyring, {*from, identity, sealed.dek, *to}).value();
    identity = Resealed(identity, *to);
    CHECK(sealed.dek.bytes.size() == (to->customer ? 88 : 60));
    CHECK(OpenSecret(keyring, *to, identity, sealed).value().Text() == "correct horse");
    CHECK(!OpenSecret(keyring, *from, identity, sealed));
    from = to;
  }
}

TEST_CASE_FIXTURE(Fixture, "Of many those with a customer's key are left to the verbs for one") {
  const auto both = Under(Key("first"));
  const auto under_both = Seal(both);
  const auto under_one = Seal(kek);
  const int asked = tokens.asked();
  const auto opened = OpenSecrets(
      keyring, {{kek, kSecret, under_one}, {both, kSecret, under_both}, {kek, kSecret, under_one}});
  CHECK(opened[0]->Text() == "correct horse");
  CHECK(!opened[1]);
  CHECK(opened[2]->Text() == "correct horse");
  const auto sealed =
      SealSecrets(keyring, random, {{both, kSecret, AsBytes("x")}, {kek, kSecret, AsBytes("x")}});
  CHECK(!sealed[0]);
  CHECK(sealed[1]);
  const auto moved = ResealDeks(keyring, {{kek, kSecret, under_one.dek, both},
                                          {kek, kSecret, under_one.dek, kek},
                                          {both, kSecret, under_both.dek, kek}});
  CHECK(!moved[0]);
  CHECK(moved[1]);
  CHECK(!moved[2]);
  CHECK(tokens.asked() == asked);
}
