#pragma once
// Signup by mail: an account begins with the proof that its address is the person's.
//
// The life of a signup: asking for an account makes no account but a row that waits, and a mail with a token
// whose HMAC the row holds. The token makes organisation and account, once and within a day. Asking again
// sends a new token in place of the old one, three times an hour for an address at most.
//
// Asking never tells whether an address has an account: the answer is the same, and so is the work, which
// ends in one hash, one row and one mail. To an address that has an account the mail says so, and the row's
// token is sent to nobody. An address that was invited (api/org/org.h) joins the organisation that invited it
// in place of founding one; the mail says whose.
//
// Where signup is for the invited only, nothing of that changes for whoever asks: the answer still is the
// same for all, and the row is made. But only an address with an open invitation gets a mail, and its token
// is good for nothing else.

#include <vector>

#include "api/audit/audit_log.h"
#include "api/auth/auth_store.h"
#include "api/auth/auth_wire.h"
#include "api/auth/token_issuer.h"
#include "api/limits/guess_budgets.h"
#include "api/mail/mail.h"
#include "api/routes.h"
#include "api/signup/signup_store.h"
#include "api/signup/signup_wire.h"
#include "crypto/keyring.h"
#include "crypto/password.h"
#include "schema/pg/pg.h"

namespace claviger::api {

struct SignupConfig {
  crypto::Argon2Cost argon2;
  crypto::PasswordRules password_rules;
  bool invited_only = false;
};

class Signups {
 public:
  static constexpr int32_t kMailsPerHour = 3;
  static constexpr int64_t kMaxPending = 100'000;

  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    Mail& mail;
    const TokenIssuer& tokens;
    const AuditLog& audit;
    GuessBudgets& guesses;
    const Clock& clock;
    Random& random;
  };
  Signups(SignupConfig config, const Parts& parts) : config_(config), parts_(parts) {}

  bool invited_only() const { return config_.invited_only; }

  // kInvalid for a weak password, kUnavailable if too many signups or mails wait. Its guess was charged by
  // Auth::AdmitSignup, and is not given back: it has sent a mail to whatever address it named.
  Status Ask(const SignupRequest& request, const http::ClientAddress& client, AuditDraft& audit);
  struct Verified {
    std::string email;
    AccessToken first_token;
  };
  // `client`: ClientAddress::Group. kInvalid for a token that is unknown, used or expired; kTooMany after too
  // many of these.
  Result<Verified> Verify(std::string_view token, const std::string& client, AuditDraft& audit);

 private:
  Result<Verified> MakeAccount(std::string_view token, AuditDraft& audit);
  // In the organisation that its mail named, if the invitation is still open, or in one of its own.
  Result<auth_store::NewUser> NewUserOf(const signup_store::Pending& pending, Time now);

  const SignupConfig config_;
  const Parts parts_;
};

// signup, in place of the one that makes accounts at once.
Handler SignupByMail(Signups& signups);
// verifyEmail. `signups` must outlive the table.
std::vector<Route> SignupRoutes(Signups& signups);

}  // namespace claviger::api
