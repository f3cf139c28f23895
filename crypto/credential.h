#pragma once
// Opaque credentials that this installation hands out: API keys, mail links, device codes. What is handed out
// is random; what is stored is its HMAC under the HSM's lookup key, so that a copy of the database can
// neither be used nor guessed at without the HSM.
//
// A lookup key stays on its token. While an installation moves to another one there are two of them: what is
// new is stored under the newest that every node knows, and what was stored before is found under the older.
// How to look is said here and nowhere else. With a single key nothing more is asked of HSM and database.

#include <optional>
#include <string_view>

#include "base/random.h"
#include "base/secret_bytes.h"
#include "crypto/keyring.h"

namespace claviger::crypto {

// `prefix` and 43 characters of unpadded base64url: 32 random bytes.
SecretBytes NewCredential(std::string_view prefix, Random& random);
// True for texts of that form, and for no other spelling of the same bytes.
bool HasCredentialForm(std::string_view prefix, std::string_view text);

// To be stored, with the version. `purpose`, such as "claviger/api-key/1", keeps credentials of one kind from
// being taken for another's. May block on the HSM, as all that follow.
Result<LookupMac> CredentialMac(Keyring& keyring, std::string_view purpose, std::string_view credential);

// To be looked for: whatever is stored of a credential is one of these.
struct LookupMacs {
  LookupMac newest;                // that of CredentialMac
  std::optional<LookupMac> other;  // while there are two keys; of a newer one, if that is not in use yet

  // Whether what was found of that version is to be stored anew as `newest`.
  bool Outdate(uint32_t version) const { return version < newest.version; }

  // The first answer of `look(mac)`, a Result, in which `found(answer)` finds something; else the last one.
  // What is stored moves from older to newer alone: who looks in this order misses nothing that moves
  // meanwhile.
  template <class Look, class Found>
  auto LookUp(Look look, Found found) const -> decltype(look(newest.bytes)) {
    if (!other) return look(newest.bytes);
    const bool older = other->version < newest.version;
    auto first = look(older ? other->bytes : newest.bytes);
    if (!first || found(first.value())) return first;
    return look(older ? newest.bytes : other->bytes);
  }
};
Result<LookupMacs> CredentialMacs(Keyring& keyring, std::string_view purpose, std::string_view credential);

// What the lookup key of that version makes of a message; nullopt if it is not here, or not any more.
Result<std::optional<Bytes>> MacOfVersion(Keyring& keyring, uint32_t version, ByteView message);
// What all nodes have in common, also those that began before the newest key was in use.
Result<Bytes> OldestMac(Keyring& keyring, ByteView message);

}  // namespace claviger::crypto
