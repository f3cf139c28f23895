#include "crypto/provider/signing_keyring.h"

#include <openssl/evp.h>

#include "crypto/public_key.h"

namespace claviger::crypto::provider {
namespace {

constexpr size_t kMaxOpened = 8;  // those that came of rotations while we run

// JWS has r || s where OpenSSL has DER (RFC 7518 section 3.4).
Bytes RawSignature(const EVP_PKEY* key, Bytes signature) {
  return EVP_PKEY_is_a(key, "EC") == 1 ? RawOfDerSignature(signature) : std::move(signature);
}

}  // namespace

Result<std::vector<PublicKey>> SigningKeyring::PublicKeys(SigningKey which) {
  TRY(auto keys, keyring_.PublicKeys(which));
  if (which == SigningKey::kToken && !keys.empty()) {
    const std::lock_guard lock(mutex_);
    signer_ = keys.front().kid;
  }
  return keys;
}

Result<std::string> SigningKeyring::Signer() {
  {
    const std::lock_guard lock(mutex_);
    if (!signer_.empty()) return signer_;
  }
  TRY(const auto keys, PublicKeys(SigningKey::kToken));
  if (keys.empty()) return Internal("the keyring has no token signing key");
  return keys.front().kid;
}

Result<SigningKeyring::Opened> SigningKeyring::Open(const std::string& kid) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = opened_.find(kid); known != opened_.end()) return known->second;
  }
  TRY(auto keys, library_.Open("pkcs11:object=" + kid));
  const Opened opened(keys.front().release(), EVP_PKEY_free);
  const std::lock_guard lock(mutex_);
  if (opened_.size() >= kMaxOpened) opened_.clear();
  opened_.insert_or_assign(kid, opened);
  return opened;
}

// The keyring alone decides which key signs; should it be another one by now, that one is asked.
Result<Signature> SigningKeyring::Sign(SigningKey which, ByteView message) {
  if (which != SigningKey::kToken) return keyring_.Sign(which, message);
  for (int attempt = 0;; ++attempt) {
    TRY(const std::string kid, Signer());
    TRY(const Opened key, Open(kid));
    auto signature = SignMessage(library_, key.get(), message);
    if (signature) return Signature{kid, RawSignature(key.get(), std::move(signature).value())};
    if (signature.error().kind != ErrorKind::kConflict || attempt > 0) return signature.error();
    TRYV(PublicKeys(which));
  }
}

}  // namespace claviger::crypto::provider
