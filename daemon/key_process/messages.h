#pragma once
// The messages between the API process and a key process; docs/KEY_PROCESS.md has them in a table. Each is
// described once, by a Pass, for writing and for reading.

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "crypto/customer_tokens.h"
#include "crypto/jws.h"
#include "crypto/keyring.h"
#include "daemon/key_process/wire.h"

namespace claviger::daemon {

inline constexpr uint32_t kKeyProtocol = 1;

enum class Verb : uint8_t {
  kGenerateKek = 1,
  kGenerateDek,
  kOpenDek,
  kResealDek,
  kGenerateDeks,
  kOpenDeks,
  kResealDeks,
  kForgetKeks,
  kSignToken,
  kSignCheckpoint,
  kPublicKeys,
  kRefreshSigningKeys,
  kMac,
  kFindCustomerKey,
  kCheckCustomerKey,
  kSignHandshake,
  kSealDek,
};
inline constexpr auto kLastVerb = static_cast<uint8_t>(Verb::kSealDek);

// What comes from a key process.
enum class Notice : uint8_t { kAnswer = 64, kHello, kReady, kRefused, kHealth };

// Bounds of lists and fields.
inline constexpr size_t kMaxDeks = 32;
inline constexpr size_t kMaxKeys = 64;
inline constexpr size_t kMaxKekBytes = 64;
inline constexpr size_t kMaxCheckBytes = 64;
inline constexpr size_t kMaxSealedDekBytes = 128;
inline constexpr size_t kDekBytes = 32;
inline constexpr size_t kMaxAadBytes = 4096;
inline constexpr size_t kMaxKidBytes = 64;
inline constexpr size_t kMaxPublicKeyBytes = 128;
inline constexpr size_t kMaxSignatureBytes = 128;
inline constexpr size_t kMaxCheckpointBytes = 1024;
inline constexpr size_t kMaxHandshakeBytes = 256;
inline constexpr size_t kMaxMacMessageBytes = 32 * 1024;
inline constexpr size_t kMacBytes = 32;
inline constexpr size_t kMaxLabelBytes = 64;
inline constexpr size_t kMaxDetailBytes = 512;
inline constexpr size_t kMaxCauseBytes = 1024;
inline constexpr size_t kMaxBuildIdBytes = 64;

template <class T, class Plain>
concept Is = std::same_as<std::remove_const_t<T>, Plain>;

// Enumerations from 0 to `last`.
template <class Wire, class T>
void PassChoice(Wire& wire, T& value, std::remove_const_t<T> last) {
  auto number = static_cast<uint8_t>(value);
  wire.Choice(number, static_cast<uint8_t>(last));
  if constexpr (!std::is_const_v<T>) value = static_cast<T>(number);
}

template <class Wire>
void PassId(Wire& wire, Uuid& id) {
  wire.Fixed(id.data, 16);
}
template <class Wire>
void PassId(Wire& wire, const Uuid& id) {
  wire.Fixed(id.data, 16);
}

template <class Wire, Is<crypto::KekIdentity> T>
void Pass(Wire& wire, T& identity) {
  PassId(wire, identity.org.uuid);
  PassId(wire, identity.vault.uuid);
  wire.Number(identity.version);
}

template <class Wire, Is<crypto::CustomerKey> T>
void Pass(Wire& wire, T& key) {
  PassId(wire, key.id.uuid);
  wire.Field(key.token, kMaxLabelBytes);
  wire.Field(key.label, kMaxLabelBytes);
  wire.Field(key.check, kMaxCheckBytes);
}

template <class Wire, Is<crypto::CustomerTokens::KeyName> T>
void Pass(Wire& wire, T& name) {
  PassId(wire, name.org.uuid);
  PassId(wire, name.id.uuid);
  wire.Field(name.token, kMaxLabelBytes);
  wire.Field(name.label, kMaxLabelBytes);
}

template <class Wire, Is<crypto::WrappedKek> T>
void Pass(Wire& wire, T& kek) {
  Pass(wire, kek.identity);
  wire.Number(kek.root_version);
  wire.Field(kek.blob, kMaxKekBytes);
  wire.Field(kek.check, kMaxCheckBytes);
  wire.Option(kek.customer, [&](auto& key) { Pass(wire, key); });
}

template <class Wire, Is<crypto::SealedDek> T>
void Pass(Wire& wire, T& dek) {
  wire.Field(dek.bytes, kMaxSealedDekBytes);
}

template <class Wire, Is<crypto::Dek> T>
void Pass(Wire& wire, T& dek) {
  wire.Field(dek.key, kDekBytes);
}

template <class Wire, Is<crypto::Keyring::NewDek> T>
void Pass(Wire& wire, T& made) {
  Pass(wire, made.dek);
  Pass(wire, made.sealed);
}

template <class Wire, Is<crypto::PublicKey> T>
void Pass(Wire& wire, T& key) {
  wire.Field(key.kid, kMaxKidBytes);
  PassChoice(wire, key.algorithm, crypto::SignatureAlgorithm::kEs256);
  wire.Field(key.raw, kMaxPublicKeyBytes);
}

template <class Wire, Is<crypto::Signature> T>
void Pass(Wire& wire, T& signature) {
  wire.Field(signature.kid, kMaxKidBytes);
  wire.Field(signature.bytes, kMaxSignatureBytes);
}

template <class Wire, Is<crypto::LookupMac> T>
void Pass(Wire& wire, T& mac) {
  wire.Number(mac.version);
  wire.Field(mac.bytes, kMacBytes);
}

template <class Wire, Is<Error> T>
void Pass(Wire& wire, T& error) {
  PassChoice(wire, error.kind, ErrorKind::kInternal);
  wire.Field(error.detail, kMaxDetailBytes);
  wire.Field(error.cause, kMaxCauseBytes);
  uint64_t code = error.ck_rv;
  wire.Number(code);
  if constexpr (!std::is_const_v<T>) error.ck_rv = code;
}

template <class Wire>
void PassTime(Wire& wire, Time& time) {
  auto microseconds = static_cast<uint64_t>(time.time_since_epoch().count());
  wire.Number(microseconds);
  time = Time(std::chrono::microseconds(static_cast<int64_t>(microseconds)));
}
template <class Wire>
void PassTime(Wire& wire, const Time& time) {
  wire.Number(static_cast<uint64_t>(time.time_since_epoch().count()));
}

template <class Wire, Is<crypto::KeyringHealth> T>
void Pass(Wire& wire, T& health) {
  PassChoice(wire, health.state, crypto::KeyringHealth::State::kUnavailable);
  wire.Field(health.provider, kMaxDetailBytes);
  wire.Field(health.token_label, kMaxDetailBytes);
  wire.Field(health.token_serial, kMaxDetailBytes);
  wire.Number(health.sessions_total);
  wire.Number(health.sessions_in_use);
  wire.Number(health.cached_keks);
  wire.Number(health.newest_root);
  wire.Number(health.generation);
  wire.Field(health.last_error, kMaxCauseBytes);
  wire.Option(health.last_error_at, [&](auto& time) { PassTime(wire, time); });
  wire.Option(health.last_ok_at, [&](auto& time) { PassTime(wire, time); });
}

// The arguments of the verbs on data keys: as keyring.h has them when they are written, owning when read.
struct DekToMake {
  crypto::WrappedKek kek;
  Bytes aad;
};
struct DekToOpen {
  crypto::WrappedKek kek;
  crypto::SealedDek sealed;
  Bytes aad;
};
struct DekToSeal {
  crypto::WrappedKek kek;
  crypto::Dek dek;
  Bytes aad;
};
struct DekToReseal {
  crypto::WrappedKek from;
  crypto::SealedDek sealed;
  Bytes from_aad;
  crypto::WrappedKek to;
  Bytes to_aad;
};

template <class Wire, class T>
requires Is<T, DekToMake> || Is<T, crypto::Keyring::DekToMake>
void Pass(Wire& wire, T& dek) {
  Pass(wire, dek.kek);
  wire.Field(dek.aad, kMaxAadBytes);
}
template <class Wire, class T>
requires Is<T, DekToOpen> || Is<T, crypto::Keyring::DekToOpen>
void Pass(Wire& wire, T& dek) {
  Pass(wire, dek.kek);
  Pass(wire, dek.sealed);
  wire.Field(dek.aad, kMaxAadBytes);
}
template <class Wire, Is<DekToSeal> T>
void Pass(Wire& wire, T& dek) {
  Pass(wire, dek.kek);
  Pass(wire, dek.dek);
  wire.Field(dek.aad, kMaxAadBytes);
}
template <class Wire, class T>
requires Is<T, DekToReseal> || Is<T, crypto::Keyring::DekToReseal>
void Pass(Wire& wire, T& dek) {
  Pass(wire, dek.from);
  Pass(wire, dek.sealed);
  wire.Field(dek.from_aad, kMaxAadBytes);
  Pass(wire, dek.to);
  wire.Field(dek.to_aad, kMaxAadBytes);
}

template <class Wire, class T>
void PassList(Wire& wire, T& things, size_t max) {
  wire.List(things, max, [&](auto& thing) { Pass(wire, thing); });
}
// Of a batch: empty where nothing came of one.
template <class Wire, class T>
void PassOptions(Wire& wire, T& things) {
  wire.List(things, kMaxDeks,
            [&](auto& option) { wire.Option(option, [&](auto& thing) { Pass(wire, thing); }); });
}

// What each request begins with.
struct RequestHead {
  Verb verb = Verb::kMac;
  uint64_t number = 0;  // never again on this channel
  Uuid scope{};         // the HTTP request in whose name it is asked, or nil
};
void Pass(WireWriter& wire, const RequestHead& head);
// False unless it is a verb.
bool Pass(WireReader& wire, RequestHead& head);

// The answer, or the error of the verb. False in `good` of the reader if it is neither.
template <class Read>
Status ReadAnswer(WireReader& wire, const Read& read) {
  std::optional<Error> error;
  uint8_t succeeded = 0;
  wire.Choice(succeeded, 1);
  if (succeeded == 1) {
    read(wire);
  } else {
    Pass(wire, error.emplace());
  }
  if (!wire.Complete()) return Unavailable("the key process gave an answer that is none");
  if (error) return *std::move(error);
  return Ok();
}

std::optional<SecretBytes> MakeAnswer(uint64_t number, const Error& error);
template <class Write>
std::optional<SecretBytes> MakeAnswer(uint64_t number, const Write& write) {
  WireWriter wire;
  wire.Choice(static_cast<uint8_t>(Notice::kAnswer), 0);
  wire.Number(number);
  wire.Choice(1, 1);
  write(wire);
  return wire.Take();
}

// What a key process says by itself.
SecretBytes MakeHello(const std::string& build_id);
SecretBytes MakeReady();
SecretBytes MakeRefused(const Error& error);
SecretBytes MakeHealth(const crypto::KeyringHealth& health);

// A message of a key process, as far as it can be read without knowing what was asked.
struct KeyMessage {
  Notice notice = Notice::kAnswer;
  uint64_t number = 0;             // of an answer
  std::string build_id{};          // of a hello of our protocol
  Error error{};                   // of a refusal
  crypto::KeyringHealth health{};  // of a health notice
};
// nullopt for anything else. `rest` is what ReadAnswer takes.
std::optional<KeyMessage> ReadKeyMessage(ByteView message, ByteView& rest);

}  // namespace claviger::daemon
