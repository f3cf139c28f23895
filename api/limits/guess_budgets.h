#pragma once
// Budgets for whatever can be guessed, counted in PostgreSQL with its clock, so that all nodes share them.
//
// The life of a guess: Take charges it before it is looked at (a right one too, or parallel guesses would
// slip through), Settle gives it back if it was right. What stays charged comes back evenly over the window.
// An act that has a price of its own, such as a mail to anybody, is taken and never settled.
//
// A guess from an address that the account does not know is charged to the address, to the account and to a
// total; each has a budget of its own, and all must have room. From an address at which the account has
// lately proven itself it is charged to a budget of that pair alone: whoever uses up the others keeps no
// owner out. docs/THREAT_MODEL.md tells what this cannot do.
//
// Worker threads only. If the database cannot count, nobody may guess: kUnavailable.

#include <atomic>
#include <string>
#include <string_view>

#include "api/audit/audit_draft.h"
#include "api/limits/permit.h"
#include "api/limits/refusal_digest.h"
#include "base/log.h"
#include "base/secret_bytes.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

// Each kind has budgets of its own. Another kind is a value here, its name in Name and, where the configured
// numbers do not suit it, a case of LimitsOf, both in guess_budgets.cc. Whoever looks at such a guess calls
// Take before and Settle after; where looking is expensive, Take belongs in the route's `admit`.
enum class Guess : uint8_t {
  kLogin,     // a password, or whether there is such an account, without a token
  kSignup,    // whether there is such an account; by mail every one counts, right or wrong
  kPassword,  // the current password, with a token
  kTotp,
  kRecovery,    // a recovery code
  kUserCode,    // of a device login
  kMailCode,    // of a mail that proves an address
  kInvite,      // a mail to anybody, and whether there is such an account; every one counts
  kEnroll,      // whose address it is; every one counts, right or wrong
  kPassphrase,  // of a share, whose id is the account
  kLink,        // whether there is such a share; each wrong one counts
  kShare,       // making a share, an act with a price; the organisation is the account
  kShareMail,   // telling an address of a share; likewise
};

struct Guesser {
  std::string address;  // ClientAddress::Group; empty: not limited by address
  // The account's one canonical name, its normalised e-mail address, whether or not it exists; of who invites
  // the organisation's id; empty: not limited by account.
  std::string account;
};

// Guesses that may be wrong within the window; 0: no limit.
struct GuessLimits {
  uint32_t per_address = 0;
  uint32_t per_account = 0;
  uint32_t per_familiar = 0;  // of one account from one address that it knows
  uint32_t in_all = 0;
  uint32_t invitations = 0;  // of one organisation, in place of per_account
  std::chrono::milliseconds window{std::chrono::hours{1}};
  uint32_t familiar_days = 0;  // since the last success; 0: no address is familiar
  // Of kEnroll, in which there is one for an account.
  std::chrono::milliseconds enroll_window{std::chrono::minutes{10}};
  uint32_t shares_per_minute = 0;  // that an organisation makes
};

class GuessBudgets {
 public:
  struct Parts {
    schema::Pool& pool;
    const Clock& clock;
    const Log& log;
    RefusalDigest& refusals;
  };
  // `key`, from GuessKey: what the database holds are HMACs of addresses and accounts under it.
  GuessBudgets(const GuessLimits& limits, Bytes key, const Parts& parts);

  // kTooMany if a budget is used up; the draft then says which, or is left out (RefusalDigest).
  Result<Permit> Take(Guess kind, const Guesser& guesser, AuditDraft& audit);

  // After the guess was looked at. A success is given back, and its address is familiar to the account from
  // now on. kUnavailable is given back too: nobody has judged the guess. Anything else stays charged, so what
  // is no guess at all, a malformed request say, is refused before Take.
  template <class T>
  void Settle(const Permit& permit, const Result<T>& outcome) {
    if (outcome.has_value()) return Right(permit);
    if (outcome.error().kind == ErrorKind::kUnavailable) GiveBack(permit);
  }
  // For a guess that was right but proves nobody yet, or that nobody will look at.
  void GiveBack(const Permit& permit);
  // After a change of the account's credentials: only the address of this permit stays familiar.
  void ForgetOtherAddresses(const Permit& permit);

 private:
  struct Subject;
  std::vector<Subject> SubjectsOf(Guess kind, const GuessLimits& limits, const Guesser& guesser) const;
  Bytes Mac(std::string_view purpose, std::initializer_list<std::string_view> fields) const;
  Error Refuse(const Subject& subject, Guess kind, int64_t wait, AuditDraft& audit);
  void Right(const Permit& permit);
  // Removes what says nothing any more, now and then.
  void Prune(schema::Connection& connection);
  void Report(std::string_view what, const Status& status) const;

  const GuessLimits limits_;
  const Bytes key_;
  schema::Pool& pool_;
  const Clock& clock_;
  const Log& log_;
  RefusalDigest& refusals_;
  std::atomic<SteadyTime> prune_at_;
};

// The same on all nodes of an installation: derived from the HSM's lookup key, of two the older. With the
// older one gone all budgets are full once.
Result<Bytes> GuessKey(crypto::Keyring& keyring);

}  // namespace claviger::api
