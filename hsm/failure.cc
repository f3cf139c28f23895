#include "hsm/failure.h"

#include <fmt/format.h>

#include <utility>

namespace claviger::hsm {

namespace {

struct Meaning {
  CK_RV rv;
  const char* name;
  Remedy remedy;
};

#define MEANING(code, remedy) \
  Meaning { code, #code, Remedy::remedy }

constexpr Meaning kMeanings[] = {
    MEANING(CKR_OK, kNone),
    MEANING(CKR_CANCEL, kDoubt),
    MEANING(CKR_HOST_MEMORY, kBusy),
    MEANING(CKR_SLOT_ID_INVALID, kReconnect),
    MEANING(CKR_GENERAL_ERROR, kDoubt),
    MEANING(CKR_FUNCTION_FAILED, kDoubt),
    MEANING(CKR_ARGUMENTS_BAD, kNone),
    MEANING(CKR_NEED_TO_CREATE_THREADS, kNone),
    MEANING(CKR_CANT_LOCK, kNone),
    MEANING(CKR_ATTRIBUTE_READ_ONLY, kNone),
    MEANING(CKR_ATTRIBUTE_SENSITIVE, kNone),
    MEANING(CKR_ATTRIBUTE_TYPE_INVALID, kNone),
    MEANING(CKR_ATTRIBUTE_VALUE_INVALID, kNone),
    MEANING(CKR_ACTION_PROHIBITED, kNone),
    MEANING(CKR_DATA_INVALID, kNone),
    MEANING(CKR_DATA_LEN_RANGE, kNone),
    MEANING(CKR_DEVICE_ERROR, kDoubt),
    MEANING(CKR_DEVICE_MEMORY, kBusy),
    MEANING(CKR_DEVICE_REMOVED, kReconnect),
    MEANING(CKR_ENCRYPTED_DATA_INVALID, kNone),
    MEANING(CKR_ENCRYPTED_DATA_LEN_RANGE, kNone),
    MEANING(CKR_FUNCTION_CANCELED, kDoubt),
    MEANING(CKR_FUNCTION_NOT_PARALLEL, kNone),
    MEANING(CKR_FUNCTION_NOT_SUPPORTED, kNone),
    MEANING(CKR_KEY_HANDLE_INVALID, kReconnect),
    MEANING(CKR_KEY_SIZE_RANGE, kNone),
    MEANING(CKR_KEY_TYPE_INCONSISTENT, kNone),
    MEANING(CKR_KEY_NOT_WRAPPABLE, kNone),
    MEANING(CKR_KEY_UNEXTRACTABLE, kNone),
    MEANING(CKR_KEY_FUNCTION_NOT_PERMITTED, kNone),
    MEANING(CKR_MECHANISM_INVALID, kNone),
    MEANING(CKR_MECHANISM_PARAM_INVALID, kNone),
    MEANING(CKR_OBJECT_HANDLE_INVALID, kReconnect),
    MEANING(CKR_OPERATION_ACTIVE, kRetry),
    MEANING(CKR_OPERATION_NOT_INITIALIZED, kRetry),
    MEANING(CKR_PIN_INCORRECT, kOperator),
    MEANING(CKR_PIN_INVALID, kOperator),
    MEANING(CKR_PIN_LEN_RANGE, kOperator),
    MEANING(CKR_PIN_EXPIRED, kOperator),
    MEANING(CKR_PIN_LOCKED, kOperator),
    MEANING(CKR_SESSION_CLOSED, kRetry),
    MEANING(CKR_SESSION_COUNT, kBusy),
    MEANING(CKR_SESSION_HANDLE_INVALID, kRetry),
    MEANING(CKR_SESSION_READ_ONLY, kNone),
    MEANING(CKR_SIGNATURE_INVALID, kNone),
    MEANING(CKR_TEMPLATE_INCOMPLETE, kNone),
    MEANING(CKR_TEMPLATE_INCONSISTENT, kNone),
    MEANING(CKR_TOKEN_NOT_PRESENT, kReconnect),
    MEANING(CKR_TOKEN_NOT_RECOGNIZED, kReconnect),
    MEANING(CKR_TOKEN_WRITE_PROTECTED, kNone),
    MEANING(CKR_UNWRAPPING_KEY_HANDLE_INVALID, kReconnect),
    MEANING(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, kNone),
    MEANING(CKR_USER_ALREADY_LOGGED_IN, kNone),
    MEANING(CKR_USER_NOT_LOGGED_IN, kReconnect),
    MEANING(CKR_USER_PIN_NOT_INITIALIZED, kOperator),
    MEANING(CKR_USER_TYPE_INVALID, kNone),
    MEANING(CKR_WRAPPED_KEY_INVALID, kNone),
    MEANING(CKR_WRAPPED_KEY_LEN_RANGE, kNone),
    MEANING(CKR_WRAPPING_KEY_HANDLE_INVALID, kReconnect),
    MEANING(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, kNone),
    MEANING(CKR_RANDOM_NO_RNG, kNone),
    MEANING(CKR_DOMAIN_PARAMS_INVALID, kNone),
    MEANING(CKR_BUFFER_TOO_SMALL, kNone),
    MEANING(CKR_CRYPTOKI_NOT_INITIALIZED, kReconnect),
    MEANING(CKR_CRYPTOKI_ALREADY_INITIALIZED, kNone),
    MEANING(CKR_MUTEX_BAD, kDoubt),
};
#undef MEANING

const Meaning* Find(CK_RV rv) {
  for (const Meaning& meaning : kMeanings) {
    if (meaning.rv == rv) return &meaning;
  }
  return nullptr;
}

}  // namespace

std::string ReturnCodeName(CK_RV rv) {
  const Meaning* meaning = Find(rv);
  return meaning != nullptr ? meaning->name : fmt::format("CKR_0x{:08x}", rv);
}

// Vendor codes say nothing we know: the root key decides.
Remedy RemedyFor(CK_RV rv) {
  const Meaning* meaning = Find(rv);
  return meaning != nullptr ? meaning->remedy : Remedy::kDoubt;
}

Outcome<void> Check(CK_RV rv, const char* call) {
  if (rv == CKR_OK) return Ok();
  return Failure{RemedyFor(rv), rv, call};
}

Failure Refused(ErrorKind kind, std::string sentence) {
  return Failure{Remedy::kNone, CKR_OK, "", kind, std::move(sentence)};
}

Failure NotAuthentic(const char* what) { return Failure{Remedy::kIntegrity, CKR_OK, what}; }

std::string Describe(const Failure& failure) {
  std::string text = failure.sentence;
  if (failure.rv == CKR_OK) return text.empty() ? failure.call : text;
  if (!text.empty()) text += "; ";
  return text + failure.call + ": " + ReturnCodeName(failure.rv);
}

Error ToError(const Failure& failure) {
  Error error = Unavailable(Describe(failure));
  if (!failure.sentence.empty()) {
    error = MakeError(failure.kind, failure.sentence, Describe(failure));
  } else if (failure.remedy == Remedy::kIntegrity) {
    error = IntegrityFailure(Describe(failure));
  } else if (failure.remedy == Remedy::kNone) {
    error = Internal(Describe(failure));
  }
  error.ck_rv = failure.rv;
  return error;
}

}  // namespace claviger::hsm
