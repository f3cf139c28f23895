#include "hsm/gcm.h"

#include <algorithm>

namespace claviger::hsm {

namespace {

// The module reads, and with GcmIv::kHsm writes, through these until the operation ends.
struct Mechanism {
  Mechanism(uint8_t* iv, ByteView aad) {
    parameters.pIv = iv;
    parameters.ulIvLen = kIvBytes;
    parameters.ulIvBits = kIvBytes * 8;
    parameters.pAAD = const_cast<uint8_t*>(aad.data());
    parameters.ulAADLen = aad.size();
    parameters.ulTagBits = kTagBytes * 8;
  }
  Mechanism(const Mechanism&) = delete;
  Mechanism& operator=(const Mechanism&) = delete;

  CK_GCM_PARAMS parameters{};
  CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
};

// The self-test has begun such operations with this module, so a refusal to begin one is no rule of the
// module: SoftHSM answers CKR_MECHANISM_INVALID for a key that vanishes meanwhile.
Failure NotBegun(Failure failure) {
  if (failure.remedy == Remedy::kNone) failure.remedy = Remedy::kDoubt;
  return failure;
}

Failure Unproven(Failure failure) {
  const bool about_input =
      failure.remedy == Remedy::kNone || failure.rv == CKR_GENERAL_ERROR || failure.rv == CKR_FUNCTION_FAILED;
  if (about_input) failure.remedy = Remedy::kUnproven;
  return failure;
}

}  // namespace

Outcome<Bytes> GcmSeal(Session& session, CK_OBJECT_HANDLE key, GcmIv source, Iv iv, ByteView aad,
                       ByteView plaintext) {
  if (source == GcmIv::kHsm) iv.fill(0);
  Mechanism gcm(iv.data(), aad);
  auto begun = session.Call(&CK_FUNCTION_LIST::C_EncryptInit, "C_EncryptInit", &gcm.mechanism, key);
  if (!begun) return NotBegun(begun.error());
  Bytes sealed(kIvBytes + plaintext.size() + kTagBytes);
  CK_ULONG size = sealed.size() - kIvBytes;
  TRYV(session.Call(&CK_FUNCTION_LIST::C_Encrypt, "C_Encrypt", const_cast<uint8_t*>(plaintext.data()),
                    CK_ULONG{plaintext.size()}, sealed.data() + kIvBytes, &size));
  if (size != sealed.size() - kIvBytes) {
    return Refused(ErrorKind::kInternal, "The module returned a ciphertext of unexpected length");
  }
  // A module that leaves our zeros untouched sealed under a constant IV: that ciphertext must not leave.
  if (source == GcmIv::kHsm && std::all_of(iv.begin(), iv.end(), [](uint8_t byte) { return byte == 0; })) {
    return Refused(ErrorKind::kInternal,
                   "The module makes no GCM IVs of its own; configure hsm.gcm_iv=caller");
  }
  std::copy(iv.begin(), iv.end(), sealed.begin());
  return sealed;
}

Outcome<SecretBytes> GcmOpen(Session& session, CK_OBJECT_HANDLE key, ByteView sealed, ByteView aad) {
  if (sealed.size() <= kIvBytes + kTagBytes) return NotAuthentic("sealed text too short");
  Iv iv;
  std::copy_n(sealed.begin(), kIvBytes, iv.begin());
  const ByteView body = sealed.subspan(kIvBytes);
  Mechanism gcm(iv.data(), aad);
  auto begun = session.Call(&CK_FUNCTION_LIST::C_DecryptInit, "C_DecryptInit", &gcm.mechanism, key);
  if (!begun) return NotBegun(begun.error());
  // SoftHSM wants room for the tag as well. On failure the buffer is wiped with the SecretBytes: NSS writes
  // into it before it has checked the tag.
  SecretBytes plaintext(body.size() + kTagBytes);
  CK_ULONG size = plaintext.size();
  auto opened = session.Call(&CK_FUNCTION_LIST::C_Decrypt, "C_Decrypt", const_cast<uint8_t*>(body.data()),
                             CK_ULONG{body.size()}, plaintext.data(), &size);
  if (!opened) return Unproven(opened.error());
  if (size != body.size() - kTagBytes) {
    return Refused(ErrorKind::kInternal, "The module returned a plaintext of unexpected length");
  }
  plaintext.Truncate(size);
  return plaintext;
}

}  // namespace claviger::hsm
