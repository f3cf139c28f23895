#include "daemon/key_process/messages.h"

namespace claviger::daemon {
namespace {

constexpr size_t kAnswerHeadBytes = 9;

// Texts of others can be of any length.
std::string Shortened(const std::string& text, size_t max) {
  if (text.size() <= max && IsUtf8(text)) return text;
  std::string shortened;
  for (const char c : text.substr(0, max)) shortened += static_cast<uint8_t>(c) < 0x80 ? c : '?';
  return shortened;
}

Error Shortened(Error error) {
  error.detail = Shortened(error.detail, kMaxDetailBytes);
  error.cause = Shortened(error.cause, kMaxCauseBytes);
  return error;
}

void PassNotice(WireWriter& wire, Notice notice) { wire.Choice(static_cast<uint8_t>(notice), 0); }

}  // namespace

void Pass(WireWriter& wire, const RequestHead& head) {
  wire.Choice(static_cast<uint8_t>(head.verb), 0);
  wire.Number(head.number);
  PassId(wire, head.scope);
}

bool Pass(WireReader& wire, RequestHead& head) {
  PassChoice(wire, head.verb, static_cast<Verb>(kLastVerb));
  wire.Number(head.number);
  PassId(wire, head.scope);
  return wire.good() && static_cast<uint8_t>(head.verb) != 0;
}

std::optional<SecretBytes> MakeAnswer(uint64_t number, const Error& error) {
  WireWriter wire;
  PassNotice(wire, Notice::kAnswer);
  wire.Number(number);
  wire.Choice(0, 1);
  const Error shortened = Shortened(error);
  Pass(wire, shortened);
  return wire.Take();
}

SecretBytes MakeHello(const std::string& build_id) {
  WireWriter wire;
  PassNotice(wire, Notice::kHello);
  wire.Number(kKeyProtocol);
  wire.Field(build_id, kMaxBuildIdBytes);
  return *wire.Take();
}

SecretBytes MakeReady() {
  WireWriter wire;
  PassNotice(wire, Notice::kReady);
  return *wire.Take();
}

SecretBytes MakeRefused(const Error& error) {
  WireWriter wire;
  PassNotice(wire, Notice::kRefused);
  const Error shortened = Shortened(error);
  Pass(wire, shortened);
  return *wire.Take();
}

SecretBytes MakeHealth(const crypto::KeyringHealth& health) {
  crypto::KeyringHealth shortened = health;
  for (std::string* text : {&shortened.provider, &shortened.token_label, &shortened.token_serial}) {
    *text = Shortened(*text, kMaxDetailBytes);
  }
  shortened.last_error = Shortened(shortened.last_error, kMaxCauseBytes);
  WireWriter wire;
  PassNotice(wire, Notice::kHealth);
  Pass(wire, std::as_const(shortened));
  return *wire.Take();
}

std::optional<KeyMessage> ReadKeyMessage(ByteView message, ByteView& rest) {
  KeyMessage read;
  WireReader wire(message);
  PassChoice(wire, read.notice, Notice::kHealth);
  switch (read.notice) {
    case Notice::kAnswer:
      wire.Number(read.number);
      if (!wire.good()) return std::nullopt;
      rest = message.subspan(kAnswerHeadBytes);
      return read;
    case Notice::kHello: {
      uint32_t protocol = 0;
      wire.Number(protocol);
      wire.Field(read.build_id, kMaxBuildIdBytes);
      if (protocol != kKeyProtocol) return std::nullopt;
      break;
    }
    case Notice::kReady:
      break;
    case Notice::kRefused:
      Pass(wire, read.error);
      break;
    case Notice::kHealth:
      Pass(wire, read.health);
      break;
    default:
      return std::nullopt;
  }
  return wire.Complete() ? std::optional(std::move(read)) : std::nullopt;
}

}  // namespace claviger::daemon
