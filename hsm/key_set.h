#pragma once
// The installation's keys on the token: found by label while connecting, made by `clavigerd init`.

#include <map>
#include <string>
#include <vector>

#include "crypto/keyring.h"
#include "hsm/config.h"
#include "hsm/session.h"

namespace claviger::hsm {

struct SigningKeyPair {
  crypto::PublicKey published;
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
};

// Handles are valid for one login.
struct KeySet {
  std::map<uint32_t, CK_OBJECT_HANDLE> roots;  // by version; the last one wraps new KEKs
  std::vector<SigningKeyPair> token;           // newest first, never empty
  std::vector<SigningKeyPair> audit;
  CK_OBJECT_HANDLE lookup = CK_INVALID_HANDLE;  // the newest version
};

// Refuses a set that lacks a role, holds two keys of one name, or half a key pair.
Outcome<KeySet> FindKeys(Session& session);

// True if the token shows a public token-signing key of ours; needs no login.
Outcome<bool> HoldsOurKeys(Session& session);

struct MadeKeys {
  std::vector<std::string> created;
  std::vector<std::string> existing;
};
// Makes version 1 of each role that has no key yet. Needs a read-write session.
Outcome<MadeKeys> MakeMissingKeys(Session& session, const HsmConfig& config);

}  // namespace claviger::hsm
