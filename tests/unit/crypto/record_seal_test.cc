#include "crypto/record_seal.h"

#include <doctest/doctest.h>

#include "crypto/canonical.h"
#include "crypto/random.h"
#include "tests/fakes/fake_keyring.h"

using namespace claviger;
using namespace claviger::crypto;

namespace {

struct Fixture {
  Bytes Place(std::string_view user) { return CanonicalWriter("claviger/test/1").Field(user).Take(); }

  SystemRandom random;
  fakes::FakeKeyring keyring;
  WrappedKek system = keyring.GenerateKek({}).value();
  SecretBytes value{std::string_view("a small secret")};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a sealed record opens in its place and nowhere else") {
  const Bytes blob = SealRecord(keyring, random, system, Place("a"), value.View()).value();
  CHECK(OpenRecord(keyring, system, Place("a"), blob).value() == value);
  CHECK(OpenRecord(keyring, system, Place("b"), blob).error().kind == ErrorKind::kIntegrity);
  WrappedKek renamed = system;
  renamed.identity.version = 2;
  CHECK(!OpenRecord(keyring, renamed, Place("a"), blob));
}

TEST_CASE_FIXTURE(Fixture, "no changed, shortened or lengthened record opens") {
  const Bytes blob = SealRecord(keyring, random, system, Place("a"), value.View()).value();
  for (size_t i = 0; i < blob.size(); ++i) {
    CAPTURE(i);
    Bytes changed = blob;
    changed[i] ^= 1;
    CHECK(OpenRecord(keyring, system, Place("a"), changed).error().kind == ErrorKind::kIntegrity);
    CHECK(!OpenRecord(keyring, system, Place("a"), ByteView(blob).first(i)));
  }
  Bytes longer = blob;
  longer.push_back(0);
  CHECK(!OpenRecord(keyring, system, Place("a"), longer));
}

TEST_CASE_FIXTURE(Fixture, "the two seals of a record cannot stand in for each other") {
  const Bytes one = SealRecord(keyring, random, system, Place("a"), value.View()).value();
  const Bytes two = SealRecord(keyring, random, system, Place("a"), value.View()).value();
  Bytes mixed(one.begin(), one.begin() + 60);
  mixed.insert(mixed.end(), two.begin() + 60, two.end());
  CHECK(OpenRecord(keyring, system, Place("a"), mixed).error().kind == ErrorKind::kIntegrity);
}

TEST_CASE_FIXTURE(Fixture, "a record has a bound, and an HSM that is gone is no forgery") {
  CHECK(SealRecord(keyring, random, system, Place("a"), SecretBytes(64 * 1024).View()));
  CHECK(SealRecord(keyring, random, system, Place("a"), SecretBytes(64 * 1024 + 1).View()).error().kind ==
        ErrorKind::kTooLarge);
  const Bytes blob = SealRecord(keyring, random, system, Place("a"), value.View()).value();
  keyring.SetUnavailable(true);
  CHECK(OpenRecord(keyring, system, Place("a"), blob).error().kind == ErrorKind::kUnavailable);
}
