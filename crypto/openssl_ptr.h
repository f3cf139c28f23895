#pragma once
// Owners of OpenSSL's handles, for the .cc files of this folder.

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

namespace claviger::crypto {

template <auto Free>
struct OpenSslFree {
  template <class T>
  void operator()(T* handle) const {
    Free(handle);
  }
};

using CipherCtx = std::unique_ptr<EVP_CIPHER_CTX, OpenSslFree<&EVP_CIPHER_CTX_free>>;
using MdCtx = std::unique_ptr<EVP_MD_CTX, OpenSslFree<&EVP_MD_CTX_free>>;
using PKey = std::unique_ptr<EVP_PKEY, OpenSslFree<&EVP_PKEY_free>>;
using PKeyCtx = std::unique_ptr<EVP_PKEY_CTX, OpenSslFree<&EVP_PKEY_CTX_free>>;
using BigNumber = std::unique_ptr<BIGNUM, OpenSslFree<&BN_free>>;
using EcdsaSig = std::unique_ptr<ECDSA_SIG, OpenSslFree<&ECDSA_SIG_free>>;
using EcGroup = std::unique_ptr<EC_GROUP, OpenSslFree<&EC_GROUP_free>>;
using EcPoint = std::unique_ptr<EC_POINT, OpenSslFree<&EC_POINT_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, OpenSslFree<&OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, OpenSslFree<&OSSL_PARAM_free>>;

// Fetched once and never freed: a fetch costs more than sealing a kilobyte. The objects are immutable, shared
// by all threads, and stay valid while OpenSSL tears itself down at exit, because nothing of ours runs then.
const EVP_CIPHER* Aes256Gcm();
const EVP_MD* Sha256Method();

}  // namespace claviger::crypto
