#include "hsm/signing.h"

#include "crypto/digest.h"

namespace claviger::hsm {

namespace {

// One shot: EdDSA has no other form, and nothing here is long.
Outcome<Bytes> SignOnce(Session& session, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key, ByteView input,
                        size_t expected_bytes) {
  CK_MECHANISM mechanism{type, nullptr, 0};
  TRYV(session.Call(&CK_FUNCTION_LIST::C_SignInit, "C_SignInit", &mechanism, key));
  // Modules refuse a null pointer even where the length is zero.
  static constexpr uint8_t kNothing = 0;
  const uint8_t* data = input.empty() ? &kNothing : input.data();
  Bytes output(expected_bytes);
  CK_ULONG size = output.size();
  TRYV(session.Call(&CK_FUNCTION_LIST::C_Sign, "C_Sign", const_cast<uint8_t*>(data), CK_ULONG{input.size()},
                    output.data(), &size));
  if (size != expected_bytes) {
    return Refused(ErrorKind::kInternal, "The module returned a signature of unexpected length");
  }
  return output;
}

}  // namespace

Outcome<Bytes> SignMessage(Session& session, const SigningKeyPair& key, ByteView message) {
  if (key.published.algorithm == crypto::SignatureAlgorithm::kEdDsa) {
    return SignOnce(session, CKM_EDDSA, key.private_key, message, 64);
  }
  return SignOnce(session, CKM_ECDSA, key.private_key, crypto::Sha256(message), 64);
}

Outcome<Bytes> HmacSha256(Session& session, CK_OBJECT_HANDLE key, ByteView message) {
  return SignOnce(session, CKM_SHA256_HMAC, key, message, 32);
}

}  // namespace claviger::hsm
