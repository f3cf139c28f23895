#include "crypto/identity_keys.h"

#include "crypto/openssl_ptr.h"

namespace claviger::crypto {
namespace {

constexpr size_t kScalarBytes = 32;
constexpr size_t kPointBytes = 65;
constexpr int kAttempts = 8;  // each fails with a chance of 2^-32

using EcGroup = std::unique_ptr<EC_GROUP, OpenSslFree<&EC_GROUP_free>>;
using EcPoint = std::unique_ptr<EC_POINT, OpenSslFree<&EC_POINT_free>>;
using SecretNumber = std::unique_ptr<BIGNUM, OpenSslFree<&BN_clear_free>>;

}  // namespace

Result<IdentityKey> GenerateEd25519(Random& random) {
  IdentityKey pair{Bytes(kScalarBytes), SecretBytes(kScalarBytes)};
  random.Fill({pair.private_key.data(), pair.private_key.size()});
  const PKey key(EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, pair.private_key.data(),
                                                 pair.private_key.size()));
  size_t size = pair.public_key.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), pair.public_key.data(), &size) != 1 ||
      size != kScalarBytes) {
    return Internal("Ed25519 key generation failed");
  }
  return pair;
}

// FIPS 186-5 appendix A.2.2: candidates are drawn until one lies in [1, n - 1].
Result<IdentityKey> GenerateP256(Random& random) {
  const EcGroup group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  if (!group) return Internal("OpenSSL has no P-256");
  const EcPoint point(EC_POINT_new(group.get()));
  IdentityKey pair{Bytes(kPointBytes), SecretBytes(kScalarBytes)};
  for (int attempt = 0; point && attempt < kAttempts; ++attempt) {
    random.Fill({pair.private_key.data(), pair.private_key.size()});
    const SecretNumber scalar(BN_bin2bn(pair.private_key.data(), kScalarBytes, BN_secure_new()));
    if (!scalar) break;
    BN_set_flags(scalar.get(), BN_FLG_CONSTTIME);
    if (BN_is_zero(scalar.get()) || BN_cmp(scalar.get(), EC_GROUP_get0_order(group.get())) >= 0) continue;
    if (EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr, nullptr) != 1) break;
    if (EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, pair.public_key.data(),
                           kPointBytes, nullptr) != kPointBytes) {
      break;
    }
    return pair;
  }
  return Internal("P-256 key generation failed");
}

}  // namespace claviger::crypto
