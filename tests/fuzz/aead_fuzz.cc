// Foreign bytes must never open; our own must, under their own AAD only.
#include "crypto/envelope.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input(data, size);
  const Bytes key(32, 0x42);
  fakes::FakeRandom random;
  Require(!crypto::AeadOpen(key, {}, input), "foreign bytes do not open");
  const ByteView aad = input.first(size / 2), plaintext = input.subspan(size / 2);
  const Bytes sealed = crypto::AeadSeal(key, random, aad, plaintext).value();
  Require(AsText(crypto::AeadOpen(key, aad, sealed).value().View()) == AsText(plaintext),
          "our own bytes open");
  if (!aad.empty()) Require(!crypto::AeadOpen(key, aad.subspan(1), sealed), "another AAD does not open");

  static fakes::FakeKeyring keyring;
  static const auto kek = keyring.GenerateKek({}).value();
  Require(!keyring.OpenDek(kek, {Bytes(input.begin(), input.end())}, {}), "a foreign DEK does not open");
  return 0;
}
