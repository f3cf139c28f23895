#pragma once
// Takes mail from the outbox to the mail server. Every node runs one.
//
// No mail is lost and none is sent by two nodes: an attempt begins by moving the mail's next one beyond the
// time that this one can take, and commits that before it connects. A mail that was taken is removed; if the
// node dies in between, the mail is sent once more, with the same Message-ID. What fails is tried again,
// after pauses that double from `first_pause` to an hour, kMaxAttempts times, which is about a day. What the
// server refuses for good, or what does not open, stays for a week as a row without content, for operators.

#include "api/mail/mail_store.h"
#include "api/mail/mail_transport.h"
#include "base/background.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

struct MailSenderConfig {
  // The longest that one delivery can take.
  std::chrono::milliseconds delivery_limit{30'000};
  std::chrono::milliseconds first_pause{60'000};
};

class MailSender {
 public:
  static constexpr int32_t kMaxAttempts = 30;

  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    MailTransport& transport;
    const Clock& clock;
    Random& random;
    const Log& log;
  };
  MailSender(MailSenderConfig config, const Parts& parts) : config_(config), parts_(parts) {}
  // Breaks off the delivery that is under way, if any.
  ~MailSender();
  void Start();

  // One mail; false if none is due. Public for tests, which do not Start().
  Result<bool> SendOne();
  // Removes rows that nobody needs any more.
  Status Purge();

 private:
  void Loop();
  Result<std::optional<mail_store::Waiting>> Claim();
  Delivery Deliver(const mail_store::Waiting& mail);
  Status Settle(const mail_store::Waiting& mail, const Delivery& delivery);
  void Report(const Delivery& delivery, int64_t waiting);
  std::chrono::milliseconds PauseAfter(int32_t attempts);

  const MailSenderConfig config_;
  const Parts parts_;
  bool failing_ = false;   // the sending thread's own: an outage is logged once
  SteadyTime purge_at_{};  // likewise

  Background thread_;
};

}  // namespace claviger::api
