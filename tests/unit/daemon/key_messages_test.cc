#include <doctest/doctest.h>

#include "daemon/key_process/messages.h"
#include "tests/unit/daemon/key_samples.h"

using namespace claviger;
using namespace claviger::daemon;
using namespace claviger::test;

namespace {

template <class T>
SecretBytes Written(const T& value) {
  WireWriter wire;
  Pass(wire, value);
  return wire.Take().value();
}

template <class T>
std::optional<T> Read(ByteView bytes) {
  WireReader wire(bytes);
  T value;
  Pass(wire, value);
  return wire.Complete() ? std::optional(std::move(value)) : std::nullopt;
}

// Reads back to the same bytes; every part of it is refused, and more as well.
template <class T>
void CheckExact(const T& value) {
  const SecretBytes bytes = Written(value);
  const auto again = Read<T>(bytes.View());
  REQUIRE(again);
  CHECK(Written(*again) == bytes);
  for (size_t size = 0; size < bytes.size(); ++size) CHECK(!Read<T>(bytes.View().first(size)));
  Bytes longer(bytes.View().begin(), bytes.View().end());
  longer.push_back(0);
  CHECK(!Read<T>(longer));
}

crypto::WrappedKek Kek() { return {SampleKek(2), 4, Bytes(40, 5), Bytes(44, 6)}; }
crypto::CustomerKey CustomerKey() {
  return {NumberedId<crypto::CustomerKeyId>(7), "token", "key", Bytes(44, 8)};
}

}  // namespace

TEST_CASE("what is written is read, and nothing shorter or longer") {
  CheckExact(SampleKek(1));
  CheckExact(Kek());
  auto bound = Kek();
  bound.customer = CustomerKey();
  CheckExact(bound);
  CheckExact(DekToMake{Kek(), Bytes(3, 9)});
  CheckExact(DekToOpen{bound, {Bytes(88, 1)}, Bytes(3, 9)});
  CheckExact(DekToReseal{Kek(), {Bytes(60, 1)}, Bytes(2, 2), bound, Bytes(3, 3)});
  CheckExact(DekToSeal{bound, {SecretBytes(32)}, Bytes(3, 9)});
  CheckExact(crypto::LookupMac{2, Bytes(32, 7)});
  CheckExact(crypto::Keyring::NewDek{{SecretBytes(32)}, {Bytes(60, 1)}});
  CheckExact(crypto::PublicKey{"claviger-token-v1", crypto::SignatureAlgorithm::kEs256, Bytes(65, 4)});
  CheckExact(crypto::Signature{"claviger-audit-v2", Bytes(64, 3)});
  CheckExact(
      crypto::CustomerTokens::KeyName{NumberedId<OrgId>(1), NumberedId<crypto::CustomerKeyId>(2), "t", "k"});
}

TEST_CASE("errors keep all that callers and logs see of them") {
  Error error = MakeError(ErrorKind::kForbidden, "a sentence", "a cause");
  error.ck_rv = 0x30;
  CheckExact(error);
  const auto read = Read<Error>(Written(error).View()).value();
  CHECK(read.kind == ErrorKind::kForbidden);
  CHECK(read.detail == "a sentence");
  CHECK(read.cause == "a cause");
  CHECK(read.ck_rv == 0x30);
}

TEST_CASE("a list of data keys is read as keyring.h has them written") {
  const auto kek = Kek();
  const crypto::SealedDek sealed{Bytes(60, 1)};
  const std::vector<crypto::Keyring::DekToOpen> deks{{kek, sealed, Bytes(1, 1)}, {kek, sealed, Bytes(2, 2)}};
  WireWriter wire;
  PassList(wire, deks, kMaxDeks);
  const auto bytes = wire.Take().value();
  WireReader reader(bytes.View());
  std::vector<DekToOpen> read;
  PassList(reader, read, kMaxDeks);
  REQUIRE(reader.Complete());
  REQUIRE(read.size() == 2);
  CHECK(read[1].kek == kek);
  CHECK(read[1].sealed.bytes == sealed.bytes);
  CHECK(read[1].aad == Bytes(2, 2));
}

TEST_CASE("what exceeds its bound is neither written nor read") {
  auto kek = Kek();
  kek.blob.resize(kMaxKekBytes);
  CheckExact(kek);
  kek.blob.resize(kMaxKekBytes + 1);
  WireWriter wire;
  Pass(wire, std::as_const(kek));
  CHECK(!wire.Take());

  WireWriter unbounded;
  unbounded.Field(Bytes(kMaxKekBytes + 1), 0xFFFF);
  const auto bytes = unbounded.Take().value();
  WireReader reader(bytes.View());
  Bytes blob;
  reader.Field(blob, kMaxKekBytes);
  CHECK(!reader.good());
  CHECK(blob.empty());
}

TEST_CASE("a list longer than it may be is neither written nor read") {
  const std::vector<crypto::PublicKey> keys(3);
  WireWriter wire;
  PassList(wire, keys, 2);
  CHECK(!wire.Take());
  const Bytes count{0, 3};
  WireReader reader(count);
  std::vector<crypto::PublicKey> read;
  PassList(reader, read, 2);
  CHECK(!reader.good());
  CHECK(read.empty());
}

TEST_CASE("a message has its bound as a whole") {
  WireWriter wire;
  const Bytes field(60'000);
  wire.Field(field, 0xFFFF);
  wire.Field(field, 0xFFFF);
  wire.Fixed(field.data(), kMaxMessageBytes - 2 * (2 + field.size()));
  WireWriter over;
  over.Field(field, 0xFFFF);
  over.Field(field, 0xFFFF);
  over.Fixed(field.data(), kMaxMessageBytes - 2 * (2 + field.size()) + 1);
  CHECK(wire.Take()->size() == kMaxMessageBytes);
  CHECK(!over.Take());
}

TEST_CASE("choices, options and texts have one form") {
  for (const Bytes& bytes : {Bytes{2}, Bytes{0xFF}}) {
    WireReader choice(bytes);
    uint8_t chosen = 7;
    choice.Choice(chosen, 1);
    CHECK(!choice.good());
    CHECK(chosen == 7);
    WireReader option(bytes);
    std::optional<uint32_t> number;
    option.Option(number, [](uint32_t&) {});
    CHECK(!option.good());
  }
  const Bytes text{0, 1, 0xC3};
  WireReader reader(text);
  std::string read;
  reader.Field(read, 8);
  CHECK(!reader.good());
}

TEST_CASE("a request begins with a verb that there is") {
  for (const int verb : {0, kLastVerb + 1, 64, 255}) {
    CAPTURE(verb);
    Bytes bytes(25);
    bytes[0] = static_cast<uint8_t>(verb);
    WireReader wire(bytes);
    RequestHead head;
    CHECK(!Pass(wire, head));
  }
}

TEST_CASE("what a key process says by itself is read as it was said") {
  ByteView rest;
  CHECK(ReadKeyMessage(MakeHello("0.1 ab").View(), rest)->build_id == "0.1 ab");
  CHECK(ReadKeyMessage(MakeReady().View(), rest)->notice == Notice::kReady);
  CHECK(ReadKeyMessage(MakeRefused(NotFound("gone")).View(), rest)->error.detail == "gone");
  crypto::KeyringHealth health;
  health.state = crypto::KeyringHealth::State::kDegraded;
  health.provider = "module";
  health.generation = 9;
  health.newest_root = 3;
  health.last_ok_at = Time(std::chrono::microseconds(12));
  const auto read = ReadKeyMessage(MakeHealth(health).View(), rest)->health;
  CHECK(read.state == health.state);
  CHECK(read.provider == "module");
  CHECK(read.generation == 9);
  CHECK(read.newest_root == 3);
  CHECK(read.last_ok_at == health.last_ok_at);
  CHECK(!read.last_error_at);
}

TEST_CASE("texts of the module that are too long or no text are told all the same") {
  crypto::KeyringHealth health;
  health.provider = std::string(kMaxDetailBytes, 'a') + "b";
  health.last_error = "\xFF!";
  ByteView rest;
  const auto read = ReadKeyMessage(MakeHealth(health).View(), rest)->health;
  CHECK(read.provider == std::string(kMaxDetailBytes, 'a'));
  CHECK(read.last_error == "?!");
}

TEST_CASE("a hello of another protocol, or any other message, is none") {
  ByteView rest;
  SecretBytes hello = MakeHello("x");
  hello.data()[4] = kKeyProtocol + 1;
  CHECK(!ReadKeyMessage(hello.View(), rest));
  for (const Bytes& bytes :
       {Bytes{}, Bytes{1}, Bytes{63}, Bytes{64, 0}, Bytes{66, 0}, Bytes{69}, Bytes{255}}) {
    CHECK(!ReadKeyMessage(bytes, rest));
  }
}

TEST_CASE("an answer is the result or the error, and nothing else") {
  const auto read_mac = [](ByteView answer, Bytes& mac) {
    WireReader wire(answer);
    return ReadAnswer(wire, [&](WireReader& each) { each.Field(mac, kMacBytes); });
  };
  Bytes mac;
  const auto good = MakeAnswer(5, [](WireWriter& wire) { wire.Field(Bytes(32, 1), kMacBytes); }).value();
  ByteView rest;
  CHECK(ReadKeyMessage(good.View(), rest)->number == 5);
  CHECK(read_mac(rest, mac));
  CHECK(mac == Bytes(32, 1));
  CHECK(!read_mac(rest.first(rest.size() - 1), mac));
  const auto bad = MakeAnswer(6, Conflict("twice")).value();
  REQUIRE(ReadKeyMessage(bad.View(), rest));
  CHECK(read_mac(rest, mac).error().kind == ErrorKind::kConflict);
  const Bytes neither{2};
  CHECK(read_mac(neither, mac).error().kind == ErrorKind::kUnavailable);
}
