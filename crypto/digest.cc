#include "crypto/digest.h"

#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>

#include "crypto/openssl_ptr.h"

namespace claviger::crypto {

Digest Sha256(ByteView bytes) {
  Digest out;
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, Sha256Method(), nullptr) != 1 ||
      size != out.size()) {
    std::abort();  // only memory exhaustion can bring us here
  }
  return out;
}

Digest HmacSha256(ByteView key, ByteView message) {
  Digest out;
  unsigned int size = 0;
  if (HMAC(Sha256Method(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
           out.data(), &size) == nullptr ||
      size != out.size()) {
    std::abort();  // as above
  }
  return out;
}

std::optional<Digest> ToDigest(ByteView bytes) {
  Digest digest;
  if (bytes.size() != digest.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

}  // namespace claviger::crypto
