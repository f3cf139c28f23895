#pragma once
// Accounts of this machine: the one to run as, and the one at the other end of a channel.

#include <sys/types.h>

#include <string>

#include "base/error.h"

namespace claviger::daemon {

// Both halves.
struct Account {
  uid_t user = 0;
  gid_t group = 0;
  bool operator==(const Account&) const = default;

  static Account Own();
  // With its first group. kInvalid if there is none of that name.
  static Result<Account> Named(const std::string& name);
};

// Becomes that account for good, without further groups: for who was started as the superuser. kForbidden
// unless there is no way back.
Status Become(const Account& account);

}  // namespace claviger::daemon
