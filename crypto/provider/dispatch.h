#pragma once
// The parts of the provider, as OpenSSL's core sees them (provider(7)). The tables live in one file each.
//
// The life of a key: store or decoder ask the source for what a URI names and hand OpenSSL a KeyReference;
// keymgmt takes it over and it becomes an EVP_PKEY; a signature context shares the HeldKey behind it.

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include "crypto/provider/key_source.h"

namespace claviger::crypto::provider {

inline constexpr char kProviderName[] = "claviger";

// Of one activation, in one OSSL_LIB_CTX.
struct ProviderContext {
  KeySource& source;
  OSSL_FUNC_BIO_read_ex_fn* read;
};

// What keymgmt owns.
struct KeyReference {
  HeldKeyPtr key;
};

inline const char* TypeName(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kEs256 ? "EC" : "ED25519";
}

// Gives OpenSSL a key by its callback. False if it did not take it.
bool HandOver(HeldKeyPtr key, OSSL_CALLBACK* take, void* take_arg);

extern const OSSL_ALGORITHM kKeyManagement[];
extern const OSSL_ALGORITHM kSignatures[];
extern const OSSL_ALGORITHM kStores[];
extern const OSSL_ALGORITHM kDecoders[];

template <class Function>
OSSL_DISPATCH Entry(int id, Function* function) {
  return {id, reinterpret_cast<void (*)()>(function)};
}

}  // namespace claviger::crypto::provider
