#pragma once
// Argon2id password hashes as PHC strings, and the password rules. A hash costs tens of milliseconds and tens
// of MiB: call it only on the bounded hash pool.

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"
#include "base/secret_bytes.h"

namespace claviger::crypto {

struct Argon2Cost {
  uint32_t memory_kib = 19 * 1024;  // RFC 9106 / OWASP minimum profile: 19 MiB, 2 passes, 1 lane
  uint32_t passes = 2;
  uint32_t lanes = 1;
  friend bool operator==(const Argon2Cost&, const Argon2Cost&) = default;
};

Result<std::string> HashPassword(const Argon2Cost& cost, Random& random, const SecretBytes& password);
// False for a wrong password; an Error only for a malformed stored hash or exhausted memory. The parameters
// in the hash are bounded before they are used.
Result<bool> VerifyPassword(std::string_view phc, const SecretBytes& password);
// True for a well-formed hash that was made at exactly this cost.
bool HasCost(std::string_view phc, const Argon2Cost& cost);
// A valid hash of no password at the given cost: verified for unknown users, so that they take the same time.
Result<std::string> DummyHash(const Argon2Cost& cost, Random& random);

class PasswordBlocklist;  // crypto/common_passwords.h

// What an installation asks of new passwords besides.
struct PasswordRules {
  bool strict = false;
  const PasswordBlocklist* blocklist = nullptr;  // outlives the rules
};

// The rule of new passwords, after NIST SP 800-63B: at least 12 characters and at most 1024 bytes of UTF-8,
// neither one of the commonest passwords nor one of the blocklist, and more than common words, counting
// digits and the words of the person's own address. With `strict` (the 1claw rule) also an upper- and a
// lower-case letter, a digit, a special character, no run of 3 identical and no run of 4 sequential
// characters. Returns kInvalid with the reason.
Status CheckPasswordRules(std::string_view password, std::string_view email, const PasswordRules& rules);

}  // namespace claviger::crypto
