#pragma once
// What knows of logins longer than a process lives. A token locks itself after some refused PINs, and a
// process that dies around a login would have its successors try the PIN again and again.

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace claviger::hsm {

class LoginGuard {
 public:
  virtual ~LoginGuard() = default;

  // Before a login. kForbidden if none may begin any more.
  virtual Status Begin(std::string_view token_label) = 0;
  // kFailed: the token did not judge the PIN.
  enum class Ending : uint8_t { kAccepted, kRefused, kFailed };
  virtual void End(std::string_view token_label, Ending ending) = 0;
};

}  // namespace claviger::hsm
