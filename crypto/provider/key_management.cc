// provider-keymgmt(7). A key is loaded by reference and in no other way: nothing generates or imports one, so
// that no key of somebody else can come to lie here. The private half is never exported, which makes OpenSSL
// sign here and not with its own code.
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#include <utility>

#include "crypto/provider/dispatch.h"

namespace claviger::crypto::provider {
namespace {

constexpr char kGroup[] = "prime256v1";

KeyReference* AsKey(void* data) { return static_cast<KeyReference*>(data); }
const PublicKey& Published(const void* data) {
  return static_cast<const KeyReference*>(data)->key->published();
}
bool IsEc(const void* data) { return Published(data).algorithm == SignatureAlgorithm::kEs256; }

template <SignatureAlgorithm kAlgorithm>
void* Load(const void* reference, size_t size) {
  if (reference == nullptr || size != sizeof(KeyReference*)) return nullptr;
  auto** slot = const_cast<KeyReference**>(static_cast<KeyReference* const*>(reference));
  if (*slot == nullptr || (*slot)->key->published().algorithm != kAlgorithm) return nullptr;
  return std::exchange(*slot, nullptr);  // whose it is from now on
}

void Free(void* data) { delete AsKey(data); }

int Has(const void* data, int) { return data != nullptr; }

int Match(const void* one, const void* other, int selection) {
  if (Published(one).algorithm != Published(other).algorithm) return 0;
  return (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0 || Published(one).raw == Published(other).raw;
}

int Export(void* data, int selection, OSSL_CALLBACK* take, void* take_arg) {
  if (data == nullptr || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0) return 0;
  const Bytes& raw = Published(data).raw;
  OSSL_PARAM params[3];
  size_t count = 0;
  if (IsEc(data)) {
    params[count++] =
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(kGroup), 0);
  }
  if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0) {
    params[count++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                                        const_cast<uint8_t*>(raw.data()), raw.size());
  }
  params[count] = OSSL_PARAM_construct_end();
  return take(params, take_arg);
}

const OSSL_PARAM* ExportTypes(int selection) {
  static const OSSL_PARAM types[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
                                     OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                     OSSL_PARAM_END};
  return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? nullptr : types;
}

bool SetNumber(OSSL_PARAM* params, const char* name, int value) {
  OSSL_PARAM* param = OSSL_PARAM_locate(params, name);
  return param == nullptr || OSSL_PARAM_set_int(param, value) == 1;
}
bool SetText(OSSL_PARAM* params, const char* name, const char* value) {
  OSSL_PARAM* param = OSSL_PARAM_locate(params, name);
  return param == nullptr || OSSL_PARAM_set_utf8_string(param, value) == 1;
}
bool SetBytes(OSSL_PARAM* params, const char* name, const Bytes& value) {
  OSSL_PARAM* param = OSSL_PARAM_locate(params, name);
  return param == nullptr || OSSL_PARAM_set_octet_string(param, value.data(), value.size()) == 1;
}

int GetParams(void* data, OSSL_PARAM params[]) {
  const bool ec = IsEc(data);
  return SetNumber(params, OSSL_PKEY_PARAM_BITS, ec ? 256 : 253) &&
         SetNumber(params, OSSL_PKEY_PARAM_SECURITY_BITS, 128) &&
         SetNumber(params, OSSL_PKEY_PARAM_MAX_SIZE, ec ? 72 : 64) &&
         SetBytes(params, OSSL_PKEY_PARAM_PUB_KEY, Published(data).raw) &&
         (ec ? SetText(params, OSSL_PKEY_PARAM_GROUP_NAME, kGroup) &&
                   SetText(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST, "SHA256") &&
                   SetBytes(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, Published(data).raw)
             : SetText(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST, ""));
}

const OSSL_PARAM* GettableParams(void*) {
  static const OSSL_PARAM gettable[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, nullptr, 0),
      OSSL_PARAM_END};
  return gettable;
}

const char* OperationName(int operation) { return operation == OSSL_OP_SIGNATURE ? "ECDSA" : nullptr; }
const char* EdOperationName(int operation) { return operation == OSSL_OP_SIGNATURE ? "ED25519" : nullptr; }

template <SignatureAlgorithm kAlgorithm>
const OSSL_DISPATCH* Table() {
  static const OSSL_DISPATCH table[] = {
      Entry(OSSL_FUNC_KEYMGMT_LOAD, Load<kAlgorithm>),
      Entry(OSSL_FUNC_KEYMGMT_FREE, Free),
      Entry(OSSL_FUNC_KEYMGMT_HAS, Has),
      Entry(OSSL_FUNC_KEYMGMT_MATCH, Match),
      Entry(OSSL_FUNC_KEYMGMT_EXPORT, Export),
      Entry(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, ExportTypes),
      Entry(OSSL_FUNC_KEYMGMT_GET_PARAMS, GetParams),
      Entry(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, GettableParams),
      Entry(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,
            kAlgorithm == SignatureAlgorithm::kEs256 ? OperationName : EdOperationName),
      {0, nullptr}};
  return table;
}

}  // namespace

bool HandOver(HeldKeyPtr key, OSSL_CALLBACK* take, void* take_arg) {
  const char* type = TypeName(key->published().algorithm);
  auto* reference = new KeyReference{std::move(key)};
  int object_type = OSSL_OBJECT_PKEY;
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object_type),
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, const_cast<char*>(type), 0),
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &reference, sizeof reference),
      OSSL_PARAM_construct_end()};
  const bool taken = take(params, take_arg) == 1;
  delete reference;  // null if keymgmt has it
  return taken;
}

// One legacy name each, by which libssl knows the type of a certificate's key.
const OSSL_ALGORITHM kKeyManagement[] = {{"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=claviger",
                                          Table<SignatureAlgorithm::kEs256>(), "P-256 keys held elsewhere"},
                                         {"ED25519:1.3.101.112", "provider=claviger",
                                          Table<SignatureAlgorithm::kEdDsa>(), "Ed25519 keys held elsewhere"},
                                         {nullptr, nullptr, nullptr, nullptr}};

}  // namespace claviger::crypto::provider
