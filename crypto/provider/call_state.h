#pragma once
// What belongs to a thread that is inside the provider.

#include <optional>

#include "base/error.h"

namespace claviger::crypto::provider {

// Held around each call to the source of keys. Should whatever is behind it come to use OpenSSL in a way that
// leads here again, the inner call is refused: it would never end.
class OutwardCall {
 public:
  OutwardCall();
  ~OutwardCall();
  OutwardCall(const OutwardCall&) = delete;
  OutwardCall& operator=(const OutwardCall&) = delete;
  bool permitted() const { return permitted_; }

 private:
  bool permitted_;
};

// OpenSSL passes on that something failed, but not what. The newest failure of this thread since it was taken
// last.
void NoteFailure(Error error);
std::optional<Error> TakeFailure();

}  // namespace claviger::crypto::provider
