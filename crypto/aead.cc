// AES-256-GCM, NIST SP 800-38D, with a random 96-bit IV (section 8.2.2).
#include <limits>

#include "base/random.h"
#include "crypto/envelope.h"
#include "crypto/openssl_ptr.h"

namespace claviger::crypto {
namespace {

constexpr size_t kKeySize = 32;
constexpr size_t kIvSize = 12;
constexpr size_t kTagSize = 16;
// Far above our largest value and well inside OpenSSL's int lengths.
constexpr size_t kMaxInput = 256 * 1024 * 1024;

int Length(ByteView bytes) { return static_cast<int>(bytes.size()); }

// With an input of no bytes OpenSSL may be handed a null pointer, which it takes as another request.
bool Authenticate(EVP_CIPHER_CTX* ctx, ByteView aad) {
  int ignored = 0;
  return aad.empty() || EVP_CipherUpdate(ctx, nullptr, &ignored, aad.data(), Length(aad)) == 1;
}
bool Transform(EVP_CIPHER_CTX* ctx, uint8_t* out, ByteView in) {
  int written = 0;
  return in.empty() || (EVP_CipherUpdate(ctx, out, &written, in.data(), Length(in)) == 1 &&
                        static_cast<size_t>(written) == in.size());
}

}  // namespace

Result<Bytes> AeadSeal(ByteView key, Random& random, ByteView aad, ByteView plaintext) {
  if (key.size() != kKeySize) return Internal("AEAD key of wrong size");
  if (plaintext.size() > kMaxInput || aad.size() > kMaxInput) return Internal("AEAD input too long");
  Bytes out(kIvSize + plaintext.size() + kTagSize);
  random.Fill({out.data(), kIvSize});
  uint8_t* const text = out.data() + kIvSize;
  uint8_t* const tag = text + plaintext.size();
  int rest = 0;
  const CipherCtx ctx(EVP_CIPHER_CTX_new());
  if (!ctx || EVP_EncryptInit_ex2(ctx.get(), Aes256Gcm(), key.data(), out.data(), nullptr) != 1 ||
      !Authenticate(ctx.get(), aad) || !Transform(ctx.get(), text, plaintext) ||
      EVP_EncryptFinal_ex(ctx.get(), tag, &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) != 1) {
    return Internal("AES-GCM failed");
  }
  return out;
}

Result<SecretBytes> AeadOpen(ByteView key, ByteView aad, ByteView sealed) {
  if (key.size() != kKeySize) return Internal("AEAD key of wrong size");
  if (sealed.size() < kIvSize + kTagSize) return IntegrityFailure("sealed bytes too short");
  if (sealed.size() > kMaxInput || aad.size() > kMaxInput) return IntegrityFailure("sealed bytes too long");
  const ByteView iv = sealed.first(kIvSize);
  const ByteView text = sealed.subspan(kIvSize, sealed.size() - kIvSize - kTagSize);
  Bytes tag(sealed.end() - kTagSize, sealed.end());
  SecretBytes out(text.size());  // wiped on every way out but success
  uint8_t unused = 0;
  int rest = 0;
  const CipherCtx ctx(EVP_CIPHER_CTX_new());
  if (!ctx || EVP_DecryptInit_ex2(ctx.get(), Aes256Gcm(), key.data(), iv.data(), nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) != 1) {
    return Internal("AES-GCM failed");
  }
  if (!Authenticate(ctx.get(), aad) || !Transform(ctx.get(), out.data(), text) ||
      EVP_DecryptFinal_ex(ctx.get(), &unused, &rest) != 1) {
    return IntegrityFailure("AES-GCM tag mismatch");
  }
  return out;
}

}  // namespace claviger::crypto
