#pragma once
// The installation's keys on the token: found by label, made by `clavigerd init` and by rotations.

#include <string>
#include <vector>

#include "crypto/keyring.h"
#include "hsm/config.h"
#include "hsm/root_keys.h"
#include "hsm/session.h"

namespace claviger::hsm {

struct SigningKeyPair {
  crypto::PublicKey published;
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;  // of a key that was withdrawn, or is half made

  bool CanSign() const { return private_key != CK_INVALID_HANDLE; }
};

// Newest first. At least one of each can sign, but of the TLS keys none has to be there.
struct SigningKeys {
  std::vector<SigningKeyPair> token;
  std::vector<SigningKeyPair> audit;
  std::vector<SigningKeyPair> tls{};

  const std::vector<SigningKeyPair>& Of(crypto::SigningKey which) const {
    switch (which) {
      case crypto::SigningKey::kToken:
        return token;
      case crypto::SigningKey::kAudit:
        return audit;
      case crypto::SigningKey::kTls:
        break;
    }
    return tls;
  }
};

struct LookupKey {
  uint32_t version = 0;
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
};

// Handles are valid for one login.
struct KeySet {
  RootKeys::Versions roots;
  SigningKeys signing;
  LookupKey lookup;  // the newest version
};

// Refuses a set that lacks a role, holds two keys of one name, or a private key without its public half.
Outcome<KeySet> FindKeys(Session& session);
Outcome<RootKeys::Versions> FindRootKeys(Session& session);  // at least one
Outcome<SigningKeys> FindSigningKeys(Session& session);

// True if the token shows a public token-signing key of ours; needs no login.
Outcome<bool> HoldsOurKeys(Session& session);

struct MadeKeys {
  std::vector<std::string> created;
  std::vector<std::string> existing;
};
// Makes version 1 of each role that has no key yet. Needs a read-write session.
Outcome<MadeKeys> MakeMissingKeys(Session& session, const HsmConfig& config);

// The half of a key pair that is published.
Outcome<crypto::PublicKey> ReadPublicKey(Session& session, CK_OBJECT_HANDLE object, std::string kid);
// Versions of a role by its class; empty if there are none. kConflict if two keys have one name.
Outcome<RootKeys::Versions> FindVersions(Session& session, CK_OBJECT_CLASS object_class,
                                         std::string_view role);

// All need a read-write session. A pair that signs is of the algorithm that suits its role.
Outcome<void> MakeKeyPair(Session& session, std::string_view label, const HsmConfig& config);
Outcome<void> MakeRootKey(Session& session, std::string_view label, const HsmConfig& config);
Outcome<void> MakeLookupKey(Session& session, std::string_view label, const HsmConfig& config);
// The public half of a key that another token holds; it verifies and is published, and signs nothing.
Outcome<void> HoldPublicKey(Session& session, const crypto::PublicKey& key);
// Of a signing key one half.
enum class KeyHalf : uint8_t { kPrivate, kPublic };
Outcome<void> DestroyKey(Session& session, KeyHalf half, std::string_view label);
Outcome<void> DestroyRootKey(Session& session, std::string_view label);

}  // namespace claviger::hsm
