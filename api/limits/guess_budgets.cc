#include "api/limits/guess_budgets.h"

#include <algorithm>

#include "api/limits/guess_store.h"
#include "crypto/canonical.h"
#include "crypto/credential.h"
#include "crypto/digest.h"

namespace claviger::api {
namespace {

constexpr std::chrono::minutes kPruneInterval{1};
constexpr uint32_t kMostCodes = 10;
constexpr std::chrono::milliseconds kCodesWindow = std::chrono::hours{1};
constexpr uint32_t kShareMails = 3;  // to one address in an hour

const char* Name(Guess kind) {
  switch (kind) {
    case Guess::kLogin:
      return "login";
    case Guess::kSignup:
      return "signup";
    case Guess::kPassword:
      return "password";
    case Guess::kTotp:
      return "totp";
    case Guess::kRecovery:
      return "recovery";
    case Guess::kUserCode:
      return "user_code";
    case Guess::kMailCode:
      return "mail_code";
    case Guess::kInvite:
      return "invite";
    case Guess::kEnroll:
      return "enroll";
    case Guess::kPassphrase:
      return "passphrase";
    case Guess::kLink:
      return "link";
    case Guess::kShare:
      return "share";
    case Guess::kShareMail:
      return "share_mail";
  }
  return "unknown";
}

uint32_t AtMost(uint32_t most, uint32_t limit) { return limit == 0 ? most : std::min(limit, most); }

// The configured numbers, as they apply to this kind.
GuessLimits LimitsOf(Guess kind, GuessLimits limits) {
  switch (kind) {
    case Guess::kTotp:  // six digits do not become hard to guess by configuration
      limits.per_account = AtMost(kMostCodes, limits.per_account);
      limits.per_familiar = AtMost(kMostCodes, limits.per_familiar);
      limits.window = std::max(limits.window, kCodesWindow);
      break;
    case Guess::kRecovery:  // 50 bits: what others use up never keeps the owner out
      limits.per_account = 0;
      limits.in_all = 0;
      break;
    case Guess::kInvite:
      limits.per_account = limits.invitations;
      break;
    case Guess::kEnroll:  // a mail from strangers, wherever they are
      limits.per_account = 1;
      limits.familiar_days = 0;
      limits.window = limits.enroll_window;
      break;
    case Guess::kLink:        // 122 bits: strangers who try never keep others from their links
    case Guess::kPassphrase:  // which nobody can try without a link
      limits.in_all = 0;
      break;
    case Guess::kShare:
      return {.per_account = limits.shares_per_minute, .window = std::chrono::minutes{1}};
    case Guess::kShareMail:
      return {.per_account = kShareMails, .window = std::chrono::hours{1}};
    default:
      break;
  }
  return limits;
}

uint32_t WholeSeconds(int64_t microseconds) {
  const auto wait = std::chrono::ceil<std::chrono::seconds>(std::chrono::microseconds(microseconds));
  return static_cast<uint32_t>(std::max<int64_t>(wait.count(), 1));
}

}  // namespace

// Something with a budget of its own.
struct GuessBudgets::Subject {
  const char* name;   // in the audit log
  std::string whose;  // for RefusalDigest
  guess_store::Question::Charge charge;
};

GuessBudgets::GuessBudgets(const GuessLimits& limits, Bytes key, const Parts& parts)
    : limits_(limits),
      key_(std::move(key)),
      pool_(parts.pool),
      clock_(parts.clock),
      log_(parts.log),
      refusals_(parts.refusals),
      prune_at_(parts.clock.Steady() + kPruneInterval) {}

Bytes GuessBudgets::Mac(std::string_view purpose, std::initializer_list<std::string_view> fields) const {
  crypto::CanonicalWriter message(purpose);
  for (const auto field : fields) message.Field(field);
  const auto mac = crypto::HmacSha256(key_, message.bytes());
  return {mac.begin(), mac.end()};
}

std::vector<GuessBudgets::Subject> GuessBudgets::SubjectsOf(Guess kind, const GuessLimits& limits,
                                                            const Guesser& guesser) const {
  std::vector<Subject> subjects;
  const int64_t window = std::chrono::microseconds(limits.window).count();
  const auto add = [&](const char* name, uint32_t limit, std::string whose, bool familiar) {
    if (limit == 0) return;
    Bytes key = Mac("claviger/guess-budget/1", {Name(kind), name, whose});
    subjects.push_back(
        {name, std::move(whose), {std::move(key), std::max<int64_t>(window / limit, 1), familiar}});
  };
  if (!guesser.address.empty()) add("address", limits.per_address, guesser.address, false);
  if (!guesser.account.empty()) {
    add("account", limits.per_account, guesser.account, false);
    add("familiar", limits.per_familiar, guesser.account + " " + guesser.address, true);
  }
  add("total", limits.in_all, {}, false);
  return subjects;
}

Result<Permit> GuessBudgets::Take(Guess kind, const Guesser& guesser, AuditDraft& audit) {
  Permit permit;
  const GuessLimits limits = LimitsOf(kind, limits_);
  if (!guesser.account.empty() && !guesser.address.empty() && limits.familiar_days > 0) {
    permit.account = Mac("claviger/familiar-account/1", {guesser.account});
    permit.address = Mac("claviger/familiar-address/1", {guesser.account, guesser.address});
  }
  const auto subjects = SubjectsOf(kind, limits, guesser);
  if (subjects.empty()) return permit;
  guess_store::Question question{permit.account, permit.address, limits.familiar_days, limits.window, {}};
  for (const auto& subject : subjects) question.charges.push_back(subject.charge);

  std::vector<guess_store::Charged> answers;
  {
    TRY(auto lease, pool_.Acquire());
    TRY(answers, guess_store::Take(*lease, question));
    Prune(*lease);
  }
  const auto subject_of = [&](const guess_store::Charged& answer) -> const Subject& {
    return *std::find_if(subjects.begin(), subjects.end(),
                         [&](const Subject& subject) { return subject.charge.key == answer.key; });
  };
  const guess_store::Charged* refused = nullptr;
  for (const auto& answer : answers) {
    if (answer.charged) {
      permit.keys.push_back(answer.key);
      permit.costs.push_back(subject_of(answer).charge.cost);
    } else if (refused == nullptr || answer.wait > refused->wait) {
      refused = &answer;
    }
  }
  if (refused == nullptr) return permit;
  GiveBack(permit);  // another guess took the last room meanwhile
  return Refuse(subject_of(*refused), kind, refused->wait, audit);
}

Error GuessBudgets::Refuse(const Subject& subject, Guess kind, int64_t wait, AuditDraft& audit) {
  refusals_.Note(std::string(Name(kind)) + " by " + subject.name, subject.whose, audit);
  return TooMany("Too many attempts; try again later", WholeSeconds(wait));
}

void GuessBudgets::Right(const Permit& permit) {
  GiveBack(permit);
  if (permit.account.empty()) return;
  const auto remember = [&]() -> Status {
    TRY(auto lease, pool_.Acquire());
    return guess_store::Remember(*lease, permit);
  };
  Report("an address could not be remembered", remember());
}

void GuessBudgets::GiveBack(const Permit& permit) {
  if (permit.keys.empty()) return;
  const auto give_back = [&]() -> Status {
    TRY(auto lease, pool_.Acquire());
    return guess_store::GiveBack(*lease, permit);
  };
  Report("a guess could not be given back", give_back());
}

void GuessBudgets::ForgetOtherAddresses(const Permit& permit) {
  if (permit.account.empty()) return;
  const auto forget = [&]() -> Status {
    TRY(auto lease, pool_.Acquire());
    return guess_store::ForgetOthers(*lease, permit);
  };
  Report("familiar addresses could not be forgotten", forget());
}

void GuessBudgets::Prune(schema::Connection& connection) {
  const SteadyTime now = clock_.Steady();
  SteadyTime due = prune_at_.load();
  if (now < due || !prune_at_.compare_exchange_strong(due, now + kPruneInterval)) return;
  Report("old guesses could not be pruned", guess_store::Prune(connection, limits_.familiar_days));
}

void GuessBudgets::Report(std::string_view what, const Status& status) const {
  if (!status.has_value()) log_.Failure(what, status.error());
}

Result<Bytes> GuessKey(crypto::Keyring& keyring) {
  return crypto::OldestMac(keyring, AsBytes("claviger/guess-key/1"));
}

}  // namespace claviger::api
