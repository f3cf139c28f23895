#pragma once
// The keyring of the person's desktop: the Secret Service API of freedesktop.org, through libsecret.
//
// Each call takes five seconds at most and never has the keyring ask the person for anything: one that is
// locked counts as one that cannot be used. So does one that belongs to another user, on a bus that lets us
// in. What an error says completes "The keyring cannot be used: ...".

#include <string>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::cli::secret_service {

// Whose refresh token an item holds.
struct Account {
  std::string url;
  std::string email;
};

// Replaces the account's item, in one step. kNotFound if there is no session bus, nobody who keeps secrets on
// it, or no libsecret.
Status Store(const Account& account, const SecretBytes& token);
// kNotFound as above, and if the account has no item.
Result<SecretBytes> Find(const Account& account);
// Ok also if there is nothing to remove.
Status Remove(const Account& account);

}  // namespace claviger::cli::secret_service
