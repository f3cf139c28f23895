#pragma once
// OpenSSL with keys that it does not have: a library context of our own, in which OpenSSL's default provider
// does everything except signing with those keys. The global context never gets to know of them: whatever
// other code does there, and whatever an HSM's module does, which may use OpenSSL itself, stays apart.

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "crypto/openssl_ptr.h"
#include "crypto/provider/key_source.h"

namespace claviger::crypto::provider {

class Library {
 public:
  // `source` must outlive it, and it all that was made of it: keys, TLS contexts, connections.
  static Result<std::unique_ptr<Library>> Create(KeySource& source);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  OSSL_LIB_CTX* context() const { return context_; }

  // What a URI names, the key to be preferred first. The failure of the source, or kNotFound.
  Result<std::vector<PKey>> Open(const std::string& uri) const;
  // The key in a PEM text, or that it names. kInvalid if it has neither; the failure of the source.
  Result<PKey> ReadPem(std::string_view text) const;

 private:
  Library() = default;
  Status Load(KeySource& source);

  OSSL_LIB_CTX* context_ = nullptr;
  OSSL_PROVIDER* default_ = nullptr;
  OSSL_PROVIDER* ours_ = nullptr;
};

// True if signatures of the key are made elsewhere.
bool IsHeld(const EVP_PKEY* key);

// After OpenSSL failed: what a source of keys failed with on this thread meanwhile, else `otherwise`. Leaves
// nothing on OpenSSL's queue for TLS on this thread to stumble over.
Error SourceFailureOr(Error otherwise);

// The signature of EVP_DigestSign: raw for Ed25519, DER for P-256. The failure of whoever holds the key.
Result<Bytes> SignMessage(const Library& library, EVP_PKEY* key, ByteView message);

}  // namespace claviger::crypto::provider
