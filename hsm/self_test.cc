#include "hsm/self_test.h"

#include <array>

#include "hsm/gcm.h"
#include "hsm/wrap.h"

namespace claviger::hsm {

namespace {
constexpr std::array<uint8_t, 16> kPlaintext = {'c', 'l', 'a', 'v', 'i', 'g', 'e', 'r',
                                                ' ', 's', 'e', 'l', 'f', 't', 's', 't'};
const ByteView kAad = AsBytes("claviger/self-test/1");

Failure WrongAnswer(const char* what) { return Failure{Remedy::kReconnect, CKR_OK, what}; }

Outcome<void> OpensKnownAnswer(Session& session, const LoadedKey& key, const Bytes& sealed) {
  TRY(auto plaintext, GcmOpen(session, key.handle(), sealed, kAad));
  if (!EqualConstantTime(plaintext.View(), kPlaintext))
    return WrongAnswer("a loaded key gives a wrong answer");
  return Ok();
}
}  // namespace

Outcome<SelfTest> SelfTest::Prepare(Session& session, const std::shared_ptr<OwnerSession>& owner,
                                    CK_OBJECT_HANDLE root, GcmIv gcm_iv) {
  SelfTest test;
  test.root_ = root;
  TRY(test.wrappable_, owner->Generate());
  TRY(test.wrapped_, WrapKey(session, root, test.wrappable_->handle()));
  TRY(test.loaded_, owner->Unwrap(root, test.wrapped_));
  // One seal ever under a fresh key: any IV is unique.
  TRY(test.sealed_, GcmSeal(session, test.loaded_->handle(), gcm_iv, Iv{}, kAad, kPlaintext));
  TRYV(test.ExerciseRoot(session));
  return test;
}

Outcome<void> SelfTest::ExerciseRoot(Session& session) const {
  TRY(auto wrapped, WrapKey(session, root_, wrappable_->handle()));
  if (!EqualConstantTime(wrapped, wrapped_)) return WrongAnswer("the root key gives a wrong answer");
  return ExerciseLoadedKey(session);
}

Outcome<void> SelfTest::ExerciseLoadedKey(Session& session) const {
  return OpensKnownAnswer(session, *loaded_, sealed_);
}

Outcome<void> SelfTest::Opens(Session& session, OwnerSession& owner, CK_OBJECT_HANDLE root,
                              const Witness& witness) {
  TRY(const auto key, owner.Unwrap(root, witness.wrapped));
  return OpensKnownAnswer(session, *key, witness.sealed);
}

}  // namespace claviger::hsm
