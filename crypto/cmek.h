#pragma once
// Values under a customer-managed key: the client seals before it sends, with a key that the server does not
// have. Shipped clients fix the form: base64 (padded) of a byte 0x01, a 12-byte IV, ciphertext and 16-byte
// tag of AES-256-GCM without additional data. So a blob is not bound to its place: whoever may write can move
// one.
//
// The daemon seals such a value in its own envelope as any other. It opens one itself only in a rotation, for
// which it is handed both keys.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"
#include "base/secret_bytes.h"
#include "crypto/digest.h"

namespace claviger::crypto {

class CmekKey {
 public:
  static CmekKey Generate(Random& random);
  // base64 of exactly 32 bytes, else nullopt.
  static std::optional<CmekKey> Parse(std::string_view base64);

  // SHA-256 of the key's 32 bytes: by it client and server name the key.
  Digest Fingerprint() const;
  // As Parse reads it.
  SecretBytes Text() const;

  Result<SecretBytes> Seal(Random& random, ByteView value) const;
  // kIntegrity if the blob was not sealed with this key, or is none.
  Result<SecretBytes> Open(std::string_view blob) const;

 private:
  explicit CmekKey(SecretBytes bytes) : bytes_(std::move(bytes)) {}
  SecretBytes bytes_;
};

// 64 hexadecimal digits of either case, else nullopt.
std::optional<Digest> ParseFingerprint(std::string_view hex);

// Whether a value has the form of a blob. That says nothing of the key, if any, that made it.
bool IsCmekBlob(std::string_view value);

}  // namespace claviger::crypto
