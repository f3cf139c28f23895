#include "crypto/public_key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <algorithm>

namespace claviger::crypto {
namespace {

constexpr size_t kMaxRsaBytes = 1024;
constexpr int kMinRsaBits = 2048;

using Ed25519Point = std::array<uint8_t, 32>;

constexpr Ed25519Point LittleEndian(uint8_t first, uint8_t middle, uint8_t last) {
  Ed25519Point out{};
  out.fill(middle);
  out.front() = first;
  out.back() = last;
  return out;
}

// The y coordinates of the eight points of small order, without the sign bit of x.
constexpr Ed25519Point kSmallOrder[] = {
    LittleEndian(0x00, 0x00, 0x00),  // order 4
    LittleEndian(0x01, 0x00, 0x00),  // order 1
    LittleEndian(0xEC, 0xFF, 0x7F),  // order 2: p - 1
    {0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0, 0xD5,
     0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05},  // order 8
    {0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F, 0x2A,
     0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A},  // order 8
};

// y < p = 2^255 - 19.
bool IsCanonical(const Ed25519Point& y) {
  if (y.back() != 0x7F || y.front() < 0xED) return true;
  return !std::all_of(y.begin() + 1, y.end() - 1, [](uint8_t byte) { return byte == 0xFF; });
}

PKey LoadEd25519(ByteView raw) {
  Ed25519Point y;
  if (raw.size() != y.size()) return nullptr;
  std::copy(raw.begin(), raw.end(), y.begin());
  y.back() &= 0x7F;
  if (!IsCanonical(y) ||
      std::find(std::begin(kSmallOrder), std::end(kSmallOrder), y) != std::end(kSmallOrder)) {
    return nullptr;
  }
  return PKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), raw.size()));
}

// Built from its numbers and checked; nullptr if either fails.
PKey KeyOf(const char* type, const ParamBuilder& builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const PKeyCtx ctx(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
      EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  PKey owned(key);
  const PKeyCtx check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (check && EVP_PKEY_public_check_quick(check.get()) == 1) return owned;
  ERR_clear_error();
  return nullptr;
}

PKey LoadP256(ByteView raw) {
  if (raw.size() != 65 || raw.front() != 0x04) return nullptr;
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, raw.data(), raw.size()) != 1) {
    return nullptr;
  }
  return KeyOf("EC", builder);
}

}  // namespace

PKey LoadPublicKey(SignatureAlgorithm algorithm, ByteView raw) {
  return algorithm == SignatureAlgorithm::kEdDsa ? LoadEd25519(raw) : LoadP256(raw);
}

PKey LoadRsaPublicKey(ByteView modulus, ByteView exponent) {
  if (modulus.empty() || modulus.size() > kMaxRsaBytes || exponent.empty() ||
      exponent.size() > kMaxRsaBytes) {
    return nullptr;
  }
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  const BigNumber n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  const BigNumber e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
  if (!builder || !n || !e || BN_num_bits(n.get()) < kMinRsaBits ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return KeyOf("RSA", builder);
}

const char* JwsName(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kEdDsa ? "EdDSA" : "ES256";
}

}  // namespace claviger::crypto
