// What the two ends of a channel make of any bytes: a request at a key process, an answer at the API process.
#include "base/request_scope.h"
#include "daemon/key_process/key_service.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_customer_tokens.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::daemon;
using fuzz::Require;

namespace {

class AnyOrder final : public CheckpointOrder {
 public:
  bool Advance(uint64_t) override { return true; }
};

// A message that is read is written again to the same bytes: nothing has two forms.
template <class T>
void CheckOneForm(ByteView bytes) {
  WireReader reader(bytes);
  T value;
  Pass(reader, value);
  if (!reader.Complete()) return;
  WireWriter writer;
  Pass(writer, std::as_const(value));
  const auto again = writer.Take();
  Require(again && AsText(again->View()) == AsText(bytes), "what is read is written again");
}

template <class T>
void CheckAnswer(ByteView answer) {
  WireReader wire(answer);
  T value;
  const Status read = ReadAnswer(wire, [&](WireReader& each) { Pass(each, value); });
  Require(!read || wire.Complete(), "an answer that is taken was read to its end");
}

template <class T>
void CheckAnswers(ByteView answer) {
  WireReader wire(answer);
  std::vector<std::optional<T>> values;
  (void)ReadAnswer(wire, [&](WireReader& each) { PassOptions(each, values); });
  Require(values.size() <= kMaxDeks, "no batch is longer than it may be");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fakes::FakeKeyring keyring;
  static fakes::FakeCustomerTokens tokens;
  static AnyOrder order;
  static const fakes::FakeClock clock;
  static const Log log(static_cast<LogLevel>(static_cast<int>(LogLevel::kError) + 1));
  static KeyService service("https://vault.example", {keyring, tokens, order, clock, log});
  const ByteView message(data, size);
  if (size > kMaxMessageBytes) return 0;

  if (const auto answer = service.Answer(message)) {
    ByteView rest;
    const auto read = ReadKeyMessage(answer->View(), rest);
    Require(read && read->notice == Notice::kAnswer, "an answer is one");
    Require(answer->size() <= kMaxMessageBytes, "an answer fits");
    WireReader wire(message);
    RequestHead head;
    Require(Pass(wire, head) && head.number == read->number, "an answer names its request");
  }
  Require(RequestScope::Current().is_nil(), "no request is left behind");

  ByteView rest;
  if (const auto read = ReadKeyMessage(message, rest); read && read->notice == Notice::kAnswer) {
    CheckAnswer<crypto::WrappedKek>(rest);
    CheckAnswer<crypto::Keyring::NewDek>(rest);
    CheckAnswer<crypto::Signature>(rest);
    CheckAnswer<crypto::CustomerKey>(rest);
    CheckAnswers<crypto::Dek>(rest);
    CheckAnswers<crypto::SealedDek>(rest);
  }
  CheckOneForm<crypto::WrappedKek>(message);
  CheckOneForm<DekToReseal>(message);
  CheckOneForm<crypto::PublicKey>(message);
  CheckOneForm<crypto::KeyringHealth>(message);
  CheckOneForm<Error>(message);
  return 0;
}
