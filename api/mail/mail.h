#pragma once
// The outbox: mail that goes with a change.
//
// The life of a mail: whoever changes something prepares the mail first, which seals it under the system KEK
// for its recipient, and posts it in the transaction of the change. From then on it cannot be lost: it is in
// the outbox until a mail server has taken it (mail_sender.h). A mail may hold the link that makes an
// account; at rest it is unreadable, and a row that was redirected to another recipient does not open.

#include <optional>
#include <string>
#include <string_view>

#include "api/mail/mail_texts.h"
#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

struct MailConfig {
  std::string from;  // as NormalizeEmail makes it; empty: the installation sends no mail
  std::string url;   // where people reach the installation; in the mails
};

class Mail {
 public:
  static constexpr int64_t kMaxWaiting = 10'000;

  struct Parts {
    crypto::Keyring& keyring;
    schema::Pool& pool;
    const Clock& clock;
    Random& random;
  };
  Mail(MailConfig config, const Parts& parts) : config_(std::move(config)), parts_(parts) {}

  bool enabled() const { return !config_.from.empty(); }
  const std::string& url() const { return config_.url; }

  struct Prepared {
    MailId id;
    std::string recipient;
    Bytes sealed;
    uint32_t kek_version = 0;  // of the system KEK under which it lies
    Time now{};
  };
  // `recipient` as NormalizeEmail makes it. May block on the HSM, and takes a connection
  // of its own. nullopt where no mail is sent.
  Result<std::optional<Prepared>> Prepare(std::string_view recipient, const MailText& text);
  // In the transaction of the change. False if too much mail waits already.
  Result<bool> Post(schema::Connection& connection, const std::optional<Prepared>& mail);
  // What Post would say: for whoever must not be told by it that nothing was posted.
  Result<bool> HasRoom(schema::Connection& connection);

 private:
  Status Seal(Prepared& mail, std::string_view message);

  const MailConfig config_;
  const Parts parts_;
};

// What a sealed mail claims to be.
Bytes PlaceOfMail(const MailId& id, std::string_view recipient);

}  // namespace claviger::api
