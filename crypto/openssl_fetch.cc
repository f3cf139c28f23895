#include <cstdlib>

#include "crypto/openssl_ptr.h"

namespace claviger::crypto {

const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  if (cipher == nullptr) std::abort();  // an OpenSSL without AES-GCM: nothing here can work
  return cipher;
}

const EVP_MD* Sha256Method() {
  static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (digest == nullptr) std::abort();
  return digest;
}

}  // namespace claviger::crypto
