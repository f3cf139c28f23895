#include "hsm/key_templates.h"

#include "base/bytes.h"

namespace claviger::hsm {

namespace {

// PrintableString "edwards25519": the form that every tested module accepts, and reports for existing keys.
constexpr uint8_t kEdwards25519[] = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'};
// OID 1.2.840.10045.3.1.7
constexpr uint8_t kP256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

// What every stored private or secret key of ours has in common.
Template& TokenKey(Template& key, std::string_view label) {
  return key.Bool(CKA_TOKEN, true)
      .Bool(CKA_PRIVATE, true)
      .Bool(CKA_SENSITIVE, true)
      .Bool(CKA_EXTRACTABLE, false)
      .Text(CKA_LABEL, label)
      .Text(CKA_ID, label);
}

// Without these anybody logged in could switch further uses on, or copy the key with further uses.
void Freeze(Template& key) { key.Bool(CKA_COPYABLE, false).Bool(CKA_MODIFIABLE, false); }

// The same for a token key that serves one mechanism.
void FreezeTokenKey(Template& key, CK_MECHANISM_TYPE only, const HsmConfig& config) {
  if (!config.full_templates) {
    key.Bool(CKA_MODIFIABLE, false);
    return;
  }
  key.Mechanisms(CKA_ALLOWED_MECHANISMS, {only});
  Freeze(key);
}

Template ForcedOnUnwrapped() {
  Template forced;
  forced.Bool(CKA_EXTRACTABLE, false).Bool(CKA_SENSITIVE, true).Bool(CKA_TOKEN, false).Bool(CKA_WRAP, false);
  return forced;
}

}  // namespace

Template RootKeyTemplate(std::string_view label, const HsmConfig& config) {
  Template key;
  key.Number(CKA_CLASS, CKO_SECRET_KEY).Number(CKA_KEY_TYPE, CKK_AES).Number(CKA_VALUE_LEN, kAesKeyBytes);
  TokenKey(key, label)
      .Bool(CKA_WRAP, true)
      .Bool(CKA_UNWRAP, true)
      .Bool(CKA_ENCRYPT, false)
      .Bool(CKA_DECRYPT, false)
      .Bool(CKA_SIGN, false)
      .Bool(CKA_VERIFY, false)
      .Bool(CKA_DERIVE, false);
  if (config.full_templates) key.Nested(CKA_UNWRAP_TEMPLATE, ForcedOnUnwrapped());
  FreezeTokenKey(key, CKM_AES_KEY_WRAP, config);
  return key;
}

Template NewKekTemplate() {
  Template key;
  key.Number(CKA_CLASS, CKO_SECRET_KEY)
      .Number(CKA_KEY_TYPE, CKK_AES)
      .Number(CKA_VALUE_LEN, kAesKeyBytes)
      .Bool(CKA_TOKEN, false)
      .Bool(CKA_PRIVATE, true)
      .Bool(CKA_SENSITIVE, true)
      .Bool(CKA_EXTRACTABLE, true)
      .Bool(CKA_WRAP, false)
      .Bool(CKA_UNWRAP, false)
      .Bool(CKA_ENCRYPT, false)
      .Bool(CKA_DECRYPT, false)
      .Bool(CKA_SIGN, false)
      .Bool(CKA_VERIFY, false)
      .Bool(CKA_DERIVE, false);
  return key;
}

Template LoadedKekTemplate() {
  Template key;
  // No CKA_VALUE_LEN: SoftHSM takes it for an attempt to change the unwrapped key.
  key.Number(CKA_CLASS, CKO_SECRET_KEY)
      .Number(CKA_KEY_TYPE, CKK_AES)
      .Bool(CKA_TOKEN, false)
      .Bool(CKA_PRIVATE, true)
      .Bool(CKA_SENSITIVE, true)
      .Bool(CKA_EXTRACTABLE, false)
      .Bool(CKA_WRAP, false)
      .Bool(CKA_UNWRAP, false)
      .Bool(CKA_ENCRYPT, true)
      .Bool(CKA_DECRYPT, true)
      .Bool(CKA_SIGN, false)
      .Bool(CKA_VERIFY, false)
      .Bool(CKA_DERIVE, false);
  Freeze(key);
  return key;
}

Template LookupKeyTemplate(std::string_view label, const HsmConfig& config) {
  Template key;
  key.Number(CKA_CLASS, CKO_SECRET_KEY).Number(CKA_KEY_TYPE, CKK_GENERIC_SECRET).Number(CKA_VALUE_LEN, 32);
  TokenKey(key, label)
      .Bool(CKA_SIGN, true)
      .Bool(CKA_VERIFY, false)
      .Bool(CKA_ENCRYPT, false)
      .Bool(CKA_DECRYPT, false)
      .Bool(CKA_WRAP, false)
      .Bool(CKA_UNWRAP, false)
      .Bool(CKA_DERIVE, false);
  FreezeTokenKey(key, CKM_SHA256_HMAC, config);
  return key;
}

Template SigningPublicTemplate(std::string_view label, crypto::SignatureAlgorithm algorithm) {
  const bool p256 = algorithm == crypto::SignatureAlgorithm::kEs256;
  Template key;
  key.Number(CKA_CLASS, CKO_PUBLIC_KEY)
      .Number(CKA_KEY_TYPE, p256 ? CKK_EC : CKK_EC_EDWARDS)
      .Data(CKA_EC_PARAMS, p256 ? ByteView(kP256) : ByteView(kEdwards25519))
      .Bool(CKA_TOKEN, true)
      // Public: which token holds our keys can be told before any PIN is spent.
      .Bool(CKA_PRIVATE, false)
      .Bool(CKA_VERIFY, true)
      .Bool(CKA_WRAP, false)
      .Bool(CKA_ENCRYPT, false)
      .Text(CKA_LABEL, label)
      .Text(CKA_ID, label)
      .Bool(CKA_MODIFIABLE, false);
  return key;
}

Template SigningPrivateTemplate(std::string_view label, crypto::SignatureAlgorithm algorithm,
                                const HsmConfig& config) {
  const bool p256 = algorithm == crypto::SignatureAlgorithm::kEs256;
  Template key;
  key.Number(CKA_CLASS, CKO_PRIVATE_KEY).Number(CKA_KEY_TYPE, p256 ? CKK_EC : CKK_EC_EDWARDS);
  TokenKey(key, label)
      .Bool(CKA_SIGN, true)
      .Bool(CKA_DECRYPT, false)
      .Bool(CKA_UNWRAP, false)
      .Bool(CKA_DERIVE, false);
  FreezeTokenKey(key, p256 ? CKM_ECDSA : CKM_EDDSA, config);
  return key;
}

}  // namespace claviger::hsm
