#include "api/mail/mail_sender.h"

#include <algorithm>

#include "api/failure_log.h"
#include "api/mail/mail.h"
#include "crypto/record_seal.h"

namespace claviger::api {
namespace {

using Kind = Delivery::Kind;

constexpr std::chrono::milliseconds kInterval{500};
constexpr std::chrono::milliseconds kLongestPause = std::chrono::hours(1);
constexpr std::chrono::minutes kPurgeInterval{10};
constexpr std::chrono::hours kKeepRefused{7 * 24};
constexpr int32_t kMostDoublings = 20;

}  // namespace

MailSender::~MailSender() {
  thread_.RequestStop();
  parts_.transport.Abort();
  thread_.Stop();
}

void MailSender::Start() {
  thread_.Start([this] { Loop(); });
}

Result<bool> MailSender::SendOne() {
  TRY(const auto mail, Claim());
  if (!mail) return false;
  TRYV(Settle(*mail, Deliver(*mail)));
  return true;
}

Result<std::optional<mail_store::Waiting>> MailSender::Claim() {
  const Time now = parts_.clock.Now();
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(auto mail, mail_store::LockNext(*lease, now));
  if (!mail) return std::nullopt;
  TRYV(mail_store::CountAttempt(*lease, mail->id, now + config_.delivery_limit));
  TRYV(transaction.Commit());
  return mail;
}

// A tenth more or less, so that what failed together does not come back together.
std::chrono::milliseconds MailSender::PauseAfter(int32_t attempts) {
  const auto doubled = config_.first_pause * (int64_t{1} << std::min(attempts, kMostDoublings));
  const auto pause = std::min<std::chrono::milliseconds>(doubled, kLongestPause);
  uint8_t byte = 0;
  parts_.random.Fill({&byte, 1});
  return pause + pause * (byte - 128) / 1280;
}

Delivery MailSender::Deliver(const mail_store::Waiting& mail) {
  const auto message =
      crypto::OpenRecord(parts_.keyring, mail.kek, PlaceOfMail(mail.id, mail.recipient), mail.sealed);
  if (message.has_value()) return parts_.transport.Deliver(mail.recipient, message.value());
  if (message.error().kind == ErrorKind::kIntegrity) return {Kind::kRefused, "the row was changed"};
  return {Kind::kFailed, "the HSM does not open it: " + message.error().cause};
}

Status MailSender::Settle(const mail_store::Waiting& mail, const Delivery& delivery) {
  TRY(auto lease, parts_.pool.Acquire());
  const bool last = mail.attempts + 1 >= kMaxAttempts;
  if (delivery.kind == Kind::kAccepted) {
    TRYV(mail_store::Delete(*lease, mail.id));
  } else if (delivery.kind == Kind::kRefused || last) {
    TRYV(mail_store::Refuse(*lease, mail.id, delivery.why, parts_.clock.Now()));
    parts_.log.Failure("a mail is given up", {{"mail", mail.id.ToString()},
                                              {"why", delivery.why},
                                              {"attempts", std::to_string(mail.attempts + 1)}});
  } else {
    TRYV(mail_store::Postpone(*lease, mail.id, parts_.clock.Now() + PauseAfter(mail.attempts)));
  }
  TRY(const auto waiting, mail_store::CountWaiting(*lease));
  Report(delivery, waiting);
  return Ok();
}

// A refusal says nothing of the server's health.
void MailSender::Report(const Delivery& delivery, int64_t waiting) {
  if (delivery.kind == Kind::kRefused) return;
  const bool failed = delivery.kind == Kind::kFailed;
  if (failed && !failing_) {
    parts_.log.Failure("mail cannot be delivered; it waits",
                       {{"why", delivery.why}, {"waiting", std::to_string(waiting)}});
  } else if (!failed && failing_) {
    parts_.log.Info("mail is delivered again", {{"waiting", std::to_string(waiting)}});
  }
  failing_ = failed;
}

Status MailSender::Purge() {
  TRY(auto lease, parts_.pool.Acquire());
  return mail_store::PurgeRefused(*lease, parts_.clock.Now() - kKeepRefused);
}

void MailSender::Loop() {
  bool broken = false;
  while (!thread_.Stopping()) {
    const auto sent = SendOne();
    if (!sent.has_value() && !broken) LogConsequence(parts_.log, "the outbox cannot be read", sent.error());
    if (sent.has_value() && broken) parts_.log.Info("the outbox can be read again");
    broken = !sent.has_value();
    if (!broken && parts_.clock.Steady() >= purge_at_) {
      purge_at_ = parts_.clock.Steady() + kPurgeInterval;
      const auto purged = Purge();
      if (!purged.has_value()) parts_.log.Failure("old mail could not be purged", purged.error());
    }
    if (!sent.has_value() || !sent.value()) thread_.Rest(kInterval);
  }
}

}  // namespace claviger::api
