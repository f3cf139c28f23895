#pragma once
// The envelope of one secret version. A fresh data key (DEK) per version seals the value with AES-256-GCM;
// the keyring seals the DEK under the vault's KEK. Both seals bind what the row claims to be, each under a
// format tag of its own, so that neither can stand in for the other. A row, DEK or KEK moved anywhere else
// fails to open. Byte layouts: docs/FORMATS.md.

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "crypto/keyring.h"

namespace claviger::crypto {

// What a stored version claims to be. Whoever opens takes the path from the request, never from the row: a
// row under another path than it was written for must not open.
struct SecretIdentity {
  OrgId org;
  VaultId vault;
  SecretId secret;
  uint32_t version = 1;
  uint32_t kek_version = 1;
  std::string path{};  // in its normal form, never empty
  // The KEK version under which the value was written, if its DEK was sealed anew since.
  std::optional<uint32_t> first_kek_version{};
};
// AAD of the value: "claviger/secret/1", org, vault, secret, path, version, KEK version (the first one: the
// value is never sealed again).
Bytes SecretAad(const SecretIdentity& identity);
// AAD of the sealed DEK: "claviger/dek/1" and the same fields.
Bytes DekAad(const SecretIdentity& identity);
// AAD of a KEK's check record: "claviger/kek/1", org, vault, version.
Bytes KekAad(const KekIdentity& identity);

struct SealedSecret {
  SealedDek dek;
  Bytes ciphertext;  // IV(12) + ciphertext + tag(16)
};

// Value: any bytes, 0 to 16 MiB; longer is kTooLarge. Sealing without a path, or under another KEK than
// the identity's, is kInternal. Opening anything that was not sealed for exactly this identity is kIntegrity;
// the keyring's own failures pass through.
Result<SealedSecret> SealSecret(Keyring& keyring, Random& random, const WrappedKek& kek,
                                const SecretIdentity& identity, ByteView value);
Result<SecretBytes> OpenSecret(Keyring& keyring, const WrappedKek& kek, const SecretIdentity& identity,
                               const SealedSecret& sealed);

// Many at once; one answer each, in their order. For an empty one the function for one tells why, or may yet
// succeed.
struct SecretToSeal {
  const WrappedKek& kek;
  const SecretIdentity& identity;
  ByteView value;
};
std::vector<std::optional<SealedSecret>> SealSecrets(Keyring& keyring, Random& random,
                                                     const std::vector<SecretToSeal>& secrets);
struct SecretToOpen {
  const WrappedKek& kek;
  const SecretIdentity& identity;
  const SealedSecret& sealed;
};
std::vector<std::optional<SecretBytes>> OpenSecrets(Keyring& keyring,
                                                    const std::vector<SecretToOpen>& secrets);

// A version whose DEK moves from its KEK to a newer one of the same vault; its value stays as it is.
struct SecretToReseal {
  const WrappedKek& from;
  const SecretIdentity& identity;
  const SealedDek& dek;
  const WrappedKek& to;
};
// What the version claims to be afterwards.
SecretIdentity Resealed(const SecretIdentity& identity, const WrappedKek& to);
// kIntegrity if the DEK was not sealed for exactly this identity; the keyring's own failures pass through.
Result<SealedDek> ResealDek(Keyring& keyring, const SecretToReseal& secret);
// Many at once, as above.
std::vector<std::optional<SealedDek>> ResealDeks(Keyring& keyring,
                                                 const std::vector<SecretToReseal>& secrets);

// AES-256-GCM with a 12-byte IV in front and a 16-byte tag behind. `key` is 32 bytes.
// Opening gives kIntegrity, and no plaintext, if anything does not authenticate.
Result<Bytes> AeadSeal(ByteView key, Random& random, ByteView aad, ByteView plaintext);
Result<SecretBytes> AeadOpen(ByteView key, ByteView aad, ByteView sealed);

}  // namespace claviger::crypto
