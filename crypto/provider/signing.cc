// provider-signature(7): signing whole messages. Whoever holds the key is to see what it signs, so digests
// are refused: there is no EVP_PKEY_sign. Verification stays with OpenSSL's own provider.
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <strings.h>

#include <algorithm>

#include "crypto/provider/call_state.h"
#include "crypto/provider/dispatch.h"
#include "crypto/public_key.h"

namespace claviger::crypto::provider {
namespace {

constexpr size_t kMaxMessageBytes = 64 * 1024;
constexpr size_t kMaxDerBytes = 72;
constexpr size_t kRawBytes = 64;

struct Context {
  HeldKeyPtr key{};
  Bytes message{};
};
Context* AsContext(void* context) { return static_cast<Context*>(context); }

void* NewContext(void*, const char*) { return new Context; }
void FreeContext(void* context) { delete AsContext(context); }
void* CopyContext(void* context) { return new Context(*AsContext(context)); }

bool Begin(void* context, void* key, SignatureAlgorithm algorithm) {
  if (key == nullptr) return AsContext(context)->key != nullptr;  // once more with the same
  const HeldKeyPtr& held = static_cast<const KeyReference*>(key)->key;
  if (held->published().algorithm != algorithm) return false;
  *AsContext(context) = {held, {}};
  return true;
}

// The digest that goes with P-256, by any of its names.
bool IsSha256(const char* name) {
  static constexpr const char* kNames[] = {"", "SHA256", "SHA2-256", "SHA-256", "2.16.840.1.101.3.4.2.1"};
  return name == nullptr || std::any_of(std::begin(kNames), std::end(kNames),
                                        [&](const char* each) { return strcasecmp(name, each) == 0; });
}

std::optional<Bytes> Sign(const HeldKey& key, ByteView message) {
  const OutwardCall call;
  auto signature = call.permitted() ? key.Sign(message) : Result<Bytes>(*TakeFailure());
  if (signature && signature.value().size() == kRawBytes) return std::move(signature).value();
  NoteFailure(signature ? Internal("a signature of unexpected length") : signature.error());
  ERR_raise_data(ERR_LIB_PROV, ERR_R_OPERATION_FAIL, "the key %s did not sign", key.published().kid.c_str());
  return std::nullopt;
}

int Emit(const Bytes& signature, uint8_t* out, size_t* size, size_t room) {
  if (signature.empty() || signature.size() > room) return 0;
  std::copy(signature.begin(), signature.end(), out);
  *size = signature.size();
  return 1;
}

int BeginEc(void* context, const char* digest, void* key, const OSSL_PARAM*) {
  return IsSha256(digest) && Begin(context, key, SignatureAlgorithm::kEs256);
}

int Update(void* context, const uint8_t* data, size_t size) {
  Bytes& message = AsContext(context)->message;
  if (AsContext(context)->key == nullptr || size > kMaxMessageBytes - message.size()) return 0;
  message.insert(message.end(), data, data + size);
  return 1;
}

int Finish(void* context, uint8_t* out, size_t* size, size_t room) {
  if (AsContext(context)->key == nullptr) return 0;
  if (out == nullptr) {
    *size = kMaxDerBytes;
    return 1;
  }
  const auto raw = Sign(*AsContext(context)->key, AsContext(context)->message);
  return raw ? Emit(DerOfRawSignature(*raw), out, size, room) : 0;
}

int BeginEd(void* context, const char* digest, void* key, const OSSL_PARAM*) {
  return (digest == nullptr || *digest == '\0') && Begin(context, key, SignatureAlgorithm::kEdDsa);
}

int SignEd(void* context, uint8_t* out, size_t* size, size_t room, const uint8_t* data, size_t data_size) {
  if (AsContext(context)->key == nullptr || data_size > kMaxMessageBytes) return 0;
  if (out == nullptr) {
    *size = kRawBytes;
    return 1;
  }
  const auto raw = Sign(*AsContext(context)->key, {data, data_size});
  return raw ? Emit(*raw, out, size, room) : 0;
}

// AlgorithmIdentifier of RFC 5758 section 3.2 and RFC 8410 section 3, without which X509_sign crashes.
constexpr uint8_t kEcdsaSha256[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
constexpr uint8_t kEd25519[] = {0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70};

int GetParams(void* context, OSSL_PARAM params[]) {
  if (AsContext(context)->key == nullptr) return 0;
  const bool ec = AsContext(context)->key->published().algorithm == SignatureAlgorithm::kEs256;
  OSSL_PARAM* id = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
  const ByteView value = ec ? ByteView(kEcdsaSha256) : ByteView(kEd25519);
  if (id != nullptr && OSSL_PARAM_set_octet_string(id, value.data(), value.size()) != 1) return 0;
  OSSL_PARAM* digest = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
  return digest == nullptr || OSSL_PARAM_set_utf8_string(digest, ec ? "SHA256" : "") == 1;
}

const OSSL_PARAM* GettableParams(void*, void*) {
  static const OSSL_PARAM gettable[] = {
      OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0), OSSL_PARAM_END};
  return gettable;
}

const OSSL_DISPATCH kEcdsaTable[] = {Entry(OSSL_FUNC_SIGNATURE_NEWCTX, NewContext),
                                     Entry(OSSL_FUNC_SIGNATURE_FREECTX, FreeContext),
                                     Entry(OSSL_FUNC_SIGNATURE_DUPCTX, CopyContext),
                                     Entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, BeginEc),
                                     Entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, Update),
                                     Entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, Finish),
                                     Entry(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, GetParams),
                                     Entry(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, GettableParams),
                                     {0, nullptr}};
const OSSL_DISPATCH kEdTable[] = {Entry(OSSL_FUNC_SIGNATURE_NEWCTX, NewContext),
                                  Entry(OSSL_FUNC_SIGNATURE_FREECTX, FreeContext),
                                  Entry(OSSL_FUNC_SIGNATURE_DUPCTX, CopyContext),
                                  Entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, BeginEd),
                                  Entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, SignEd),
                                  Entry(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, GetParams),
                                  Entry(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, GettableParams),
                                  {0, nullptr}};

}  // namespace

const OSSL_ALGORITHM kSignatures[] = {
    {"ECDSA", "provider=claviger", kEcdsaTable, "ECDSA over SHA-256 by keys held elsewhere"},
    {"ED25519:1.3.101.112", "provider=claviger", kEdTable, "Ed25519 by keys held elsewhere"},
    {nullptr, nullptr, nullptr, nullptr}};

}  // namespace claviger::crypto::provider
