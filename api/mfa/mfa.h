#pragma once
// The second factor of people: one-time passwords (TOTP) and recovery codes.
//
// The life of a factor: setup makes a secret, seals it under the system KEK for this one person, and shows it
// once. The first right code enables it and gives eight recovery codes, of which only HMACs stay. From then
// on a right password gives no token but a challenge, and a code redeems it. Disabling takes a code or the
// password, and removes all of it.
//
// A challenge is an opaque credential, not a token: its tries and its single success must be counted in
// PostgreSQL in any case, so a signature would add nothing; and no other route can take it for an access
// token, because it is none. It lives for 300 s and dies with the password, the factor and the account.
//
// Codes cannot be guessed. Each costs a try of its challenge (5 in all) and is charged to the budgets of its
// kind (api/limits/guess_budgets.h), over all challenges, nodes and addresses; a right one gives the latter
// back. A try is counted before its code may count, so that a thousand at the same moment are no more than
// five. A password given to disable the factor is charged as one given to change it. Recovery codes have 50
// bits: what somebody who knows the password uses up elsewhere never keeps the owner from using one. The code
// that completes a setup is no guess, for whoever may try it may also ask for a secret of their own.
//
// What is right once is wrong for ever after: the step of a TOTP code and a recovery code are spent in the
// transaction that removes the challenge and writes the audit record, under a lock on the factor.

#include <functional>
#include <optional>
#include <vector>

#include "api/access/principal.h"
#include "api/audit/audit_log.h"
#include "api/auth/auth_store.h"
#include "api/auth/token_issuer.h"
#include "api/limits/guess_budgets.h"
#include "api/mfa/mfa_store.h"
#include "api/mfa/mfa_wire.h"
#include "api/routes.h"
#include "crypto/keyring.h"
#include "crypto/password.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Mfa {
 public:
  using Owner = mfa_store::Owner;
  static constexpr int32_t kTriesPerChallenge = 5;
  // The detail of a refusal after which the same challenge may be tried again.
  static constexpr std::string_view kInvalidCode = "Invalid code";

  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    const AuditLog& audit;
    const TokenIssuer& tokens;
    GuessBudgets& guesses;
    const Clock& clock;
    Random& random;
  };
  explicit Mfa(const Parts& parts) : parts_(parts) {}

  Result<bool> Enabled(const Owner& owner);
  // Replaces a setup that was not completed. kInvalid if a factor is enabled.
  Result<MfaSetup> Setup(const Principal& principal, AuditDraft& audit);
  // The recovery codes. kInvalid for a wrong code, and if no setup is pending.
  Result<std::vector<SecretBytes>> VerifySetup(const Principal& principal, const SecretBytes& code,
                                               AuditDraft& audit);
  // kUnauthenticated "Invalid or expired token" for the challenge, "Invalid code" for the code; kTooMany when
  // the guesses are used up. `client`: ClientAddress::Group.
  Result<AccessToken> Verify(const MfaVerifyRequest& request, const std::string& client, AuditDraft& audit);
  // kInvalid without a right proof, kTooMany as above. A code, if given, decides alone. May verify a password
  // hash.
  Status Disable(const Principal& principal, const MfaDisableRequest& request, const std::string& client,
                 AuditDraft& audit);

  // For logins. Prepare asks the HSM, Store belongs in the transaction of the login; false if the factor is
  // not enabled any more.
  struct PreparedChallenge {
    MfaChallenge challenge;
    crypto::LookupMac mac;
    Time expires_at{};
  };
  Result<PreparedChallenge> Prepare();
  Result<bool> Store(schema::Connection& connection, const Owner& owner, const PreparedChallenge& prepared);
  // In the transaction that changes the password, under the lock of the person's row.
  Status ForgetChallenges(schema::Connection& connection, const Owner& owner);

 private:
  // What a code proves, before anybody has said that it may.
  struct Proof {
    enum class Kind : uint8_t { kNone, kTotp, kRecoveryCode } kind = Kind::kNone;
    std::optional<int64_t> step;  // kTotp: the one it is the code of
    crypto::LookupMacs macs;      // kRecoveryCode
  };
  Result<std::optional<mfa_store::Factor>> FindFactor(const Owner& owner);
  Result<std::optional<int64_t>> MatchStep(const Owner& owner, const mfa_store::Factor& factor,
                                           const SecretBytes& code);
  Result<Proof> Examine(const Owner& owner, const mfa_store::Factor& factor, const SecretBytes& code);
  // Charges the code to the budgets of its kind; what has the shape of neither is no guess.
  Result<Permit> MayTry(const Proof& proof, const Guesser& guesser, AuditDraft& audit);
  Result<AccessToken> Redeem(const mfa_store::Challenge& challenge, const Proof& proof, Time now,
                             AuditDraft& audit);
  // The account, as budgets name it.
  Result<Guesser> GuesserOf(const Owner& owner, const std::string& client);
  // Under the lock of the factor; false if it was spent before.
  Result<bool> Spend(schema::Connection& connection, const Owner& owner, const mfa_store::Factor& seen,
                     const Proof& proof);
  Status DisableByCode(const Owner& owner, const SecretBytes& code, const std::string& client,
                       AuditDraft& audit);
  Status DisableByPassword(const Owner& owner, const SecretBytes& password, const std::string& client,
                           AuditDraft& audit);
  Status DeleteByProof(const Owner& owner, const mfa_store::Factor& factor, const Proof& proof,
                       AuditDraft& audit);
  Status DeleteByHash(const auth_store::Credentials& user, const mfa_store::Factor& factor,
                      const SecretBytes& password, AuditDraft& audit);

  const Parts parts_;
};

// What the sealed secret of that person's factor claims to be.
Bytes PlaceOfFactor(const mfa_store::Owner& owner);

// mfaStatus, mfaSetup, mfaVerifySetup, mfaVerify, mfaDisable. `mfa` must outlive the table.
std::vector<Route> MfaRoutes(Mfa& mfa);

}  // namespace claviger::api
