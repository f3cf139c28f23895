#pragma once
// PKCS#10 (RFC 2986): what a certificate authority wants to see before it certifies a server's key.

#include <string>
#include <vector>

#include "crypto/provider/library.h"

namespace claviger::crypto {

// By which clients call the server: host names, with "*." in front for any below, and IP addresses.
struct ServerNames {
  std::vector<std::string> dns;
  std::vector<std::string> ip;
};

// kInvalid for a name that is none, and for none at all.
Status CheckServerNames(const ServerNames& names);

// PEM, signed by the P-256 key that it is for. The names are its subjectAltName, and the first one its common
// name besides. kInvalid as above; the failure of whoever holds the key.
Result<std::string> CertificateRequestPem(const provider::Library& library, EVP_PKEY* key,
                                          const ServerNames& names);

// The public key of the first certificate in a PEM text. kInvalid if it has none, or one of another
// algorithm.
Result<PublicKey> CertifiedKey(std::string_view pem);

}  // namespace claviger::crypto
