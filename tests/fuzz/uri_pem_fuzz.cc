// PEM files that name a key.
#include "crypto/provider/uri_pem.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::crypto::provider;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (const auto uri = UriOfPem(fuzz::Text(data, size))) {
    Require(!uri->empty() && uri->size() <= kMaxUriBytes, "a URI is bounded");
    Require(UriOfPem(PemOfUri(*uri)) == uri, "a URI prints back as PEM");
  }
  if (const auto uri = UriOfDer({data, size}))
    Require(UriOfPem(PemOfUri(*uri)) == uri, "it has one encoding");
  return 0;
}
