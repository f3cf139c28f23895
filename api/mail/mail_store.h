#pragma once
// Every SQL statement on outbox, which belongs to the installation.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/mail/mail_message.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api::mail_store {

struct NewMail {
  const MailId& id;
  std::string_view recipient;
  ByteView sealed;
  uint32_t kek_version = 0;  // of the system KEK
  Time now{};
};
// False if `limit` mails wait already.
Result<bool> Insert(schema::Connection& connection, const NewMail& mail, int64_t limit);
Result<bool> HasRoom(schema::Connection& connection, int64_t limit);

struct Waiting {
  MailId id;
  std::string recipient;
  Bytes sealed;
  crypto::WrappedKek kek;  // under which it lies
  int32_t attempts = 0;    // before this one
  Time created_at{};
};
// The mail that has been due for longest, locked until the transaction ends; those that another node holds
// are passed over.
Result<std::optional<Waiting>> LockNext(schema::Connection& connection, Time now);
// One more attempt begins; if nothing is heard of it, the next is at `next`.
Status CountAttempt(schema::Connection& connection, const MailId& id, Time next);
Status Postpone(schema::Connection& connection, const MailId& id, Time next);
Status Delete(schema::Connection& connection, const MailId& id);
// It will not be tried again, and what it said is forgotten.
Status Refuse(schema::Connection& connection, const MailId& id, std::string_view why, Time now);
// Refused ones from before `before`.
Status PurgeRefused(schema::Connection& connection, Time before);
Result<int64_t> CountWaiting(schema::Connection& connection);

// Those under older versions of the system KEK than `newest`.
Result<std::vector<Waiting>> FindOutdated(schema::Connection& connection, uint32_t newest, int64_t limit);
Result<int64_t> CountOutdated(schema::Connection& connection, uint32_t newest);
// False if it is not sealed that way any more.
Result<bool> Reseal(schema::Connection& connection, const Waiting& mail, uint32_t newest, ByteView sealed);

}  // namespace claviger::api::mail_store
