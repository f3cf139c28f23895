#include <openssl/err.h>

#include "crypto/public_key.h"

namespace claviger::crypto {
namespace {

constexpr size_t kSignatureSize = 64;

bool DigestVerify(EVP_PKEY* key, const char* digest, ByteView message, ByteView signature) {
  const MdCtx ctx(EVP_MD_CTX_new());
  const bool valid =
      ctx && EVP_DigestVerifyInit_ex(ctx.get(), nullptr, digest, nullptr, nullptr, key, nullptr) == 1 &&
      EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  if (!valid) ERR_clear_error();  // leave nothing behind for TLS on this thread to stumble over
  return valid;
}

}  // namespace

Bytes DerOfRawSignature(ByteView raw) {
  const EcdsaSig signature(ECDSA_SIG_new());
  BigNumber r(BN_bin2bn(raw.data(), 32, nullptr));
  BigNumber s(BN_bin2bn(raw.data() + 32, 32, nullptr));
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();  // the signature owns them now
  (void)s.release();
  Bytes der(static_cast<size_t>(std::max(0, i2d_ECDSA_SIG(signature.get(), nullptr))));
  uint8_t* end = der.data();
  if (i2d_ECDSA_SIG(signature.get(), &end) != static_cast<int>(der.size())) return {};
  return der;
}

Bytes RawOfDerSignature(ByteView der) {
  const uint8_t* data = der.data();
  const EcdsaSig signature(d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size())));
  Bytes raw(kSignatureSize);
  if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), 32) != 32 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + 32, 32) != 32) {
    ERR_clear_error();
    return {};
  }
  return raw;
}

bool VerifyEdDsa(ByteView public_key, ByteView message, ByteView signature) {
  if (signature.size() != kSignatureSize) return false;
  const PKey key = LoadPublicKey(SignatureAlgorithm::kEdDsa, public_key);
  return key && DigestVerify(key.get(), nullptr, message, signature);
}

bool VerifyEs256(ByteView public_key, ByteView message, ByteView signature) {
  if (signature.size() != kSignatureSize) return false;
  const PKey key = LoadPublicKey(SignatureAlgorithm::kEs256, public_key);
  if (!key) return false;
  const Bytes der = DerOfRawSignature(signature);
  return !der.empty() && DigestVerify(key.get(), "SHA256", message, der);
}

bool VerifyRs256(ByteView modulus, ByteView exponent, ByteView message, ByteView signature) {
  const PKey key = LoadRsaPublicKey(modulus, exponent);
  return key && DigestVerify(key.get(), "SHA256", message, signature);
}

bool VerifySignature(const PublicKey& key, ByteView message, ByteView signature) {
  switch (key.algorithm) {
    case SignatureAlgorithm::kEdDsa:
      return VerifyEdDsa(key.raw, message, signature);
    case SignatureAlgorithm::kEs256:
      return VerifyEs256(key.raw, message, signature);
  }
  return false;
}

}  // namespace claviger::crypto
