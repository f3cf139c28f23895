#pragma once
// By what a restored pair of token and database is known: a check value of each key on the token. They tell
// keys apart and nothing about them. Kept beside a backup as JSON:
//
//   {"format": "claviger-manifest/1", "schema": 22, "checkpoint": 17,
//    "keys": [{"name": "claviger-root-v1", "check": "0123456789abcdef"}, ...]}
//
// A check value is the first 8 bytes, in hexadecimal, of the SHA-256 of a signing key's public key (as
// PublicKey::raw), of the lookup key's MAC of "claviger/check-value/1", or of the SHA-256 of the check record
// of the installation's key under that root.

#include <string>
#include <vector>

#include "crypto/keyring.h"

namespace claviger::daemon {

struct KeyCheck {
  std::string name;
  std::string check;

  friend bool operator==(const KeyCheck&, const KeyCheck&) = default;
};

struct Manifest {
  uint32_t schema = 0;
  uint64_t checkpoint = 0;  // number of the newest one of the audit log; 0: none
  std::vector<KeyCheck> keys;
};

// Of the token behind the keyring, which has opened `system_keks` before.
Result<std::vector<KeyCheck>> CheckValues(crypto::Keyring& keyring,
                                          const std::vector<crypto::WrappedKek>& system_keks);

std::string EncodeManifest(const Manifest& manifest);
Result<Manifest> DecodeManifest(std::string_view text);

}  // namespace claviger::daemon
