#pragma once
// What a PKCS#11 call said, and what to do about it. Inside hsm/ every fallible function returns Outcome<T>;
// ToError turns a Failure into the project's Error at the border, in pkcs11_keyring.cc.

#include <p11-kit/pkcs11.h>

#include <cstdint>
#include <string>

#include "base/error.h"

namespace claviger::hsm {

// The remedy decides what happens next; see Pkcs11Keyring::Perform.
enum class Remedy : uint8_t {
  kRetry,      // one session or one cached handle is dead: the next attempt takes another
  kDoubt,      // the device may be sick: exercise the root key before believing it
  kReconnect,  // login, token, key handles or module are lost
  kOperator,   // the PIN was refused or may not be tried: nothing automatic may follow
  kUnproven,   // bad input or a sick device: SelfTest tells which
  kBusy,       // sessions or memory of the device are used up
  kIntegrity,  // what was given does not authenticate
  kNone,       // a refusal that repeating cannot change
};

struct [[nodiscard]] Failure {
  Remedy remedy = Remedy::kNone;
  CK_RV rv = CKR_OK;
  const char* call = "";  // "C_Sign"
  // For failures at start, which an operator reads: kind and one sentence. Empty: derived from the remedy.
  ErrorKind kind = ErrorKind::kInternal;
  std::string sentence = {};
};

template <class T>
using Outcome = boost::outcome_v2::basic_result<T, Failure, boost::outcome_v2::policy::terminate>;

// "CKR_PIN_INCORRECT"; "CKR_0x80000001" for codes outside PKCS#11 2.40.
std::string ReturnCodeName(CK_RV rv);

// The remedy of a code that has no special meaning at the place where it arose.
Remedy RemedyFor(CK_RV rv);

// Success, or the Failure of `call` with the general remedy.
Outcome<void> Check(CK_RV rv, const char* call);

// Refusals of ours, without a CK_RV.
Failure Refused(ErrorKind kind, std::string sentence);
Failure NotAuthentic(const char* what);

// "C_Sign: CKR_DEVICE_ERROR" for logs and health.
std::string Describe(const Failure& failure);
Error ToError(const Failure& failure);

}  // namespace claviger::hsm
