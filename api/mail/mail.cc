#include "api/mail/mail.h"

#include "api/mail/mail_store.h"
#include "crypto/canonical.h"
#include "crypto/record_seal.h"

namespace claviger::api {

Bytes PlaceOfMail(const MailId& id, std::string_view recipient) {
  return crypto::CanonicalWriter("claviger/mail/1").Field(id.Bytes()).Field(recipient).Take();
}

Result<std::optional<Mail::Prepared>> Mail::Prepare(std::string_view recipient, const MailText& text) {
  if (!enabled()) return std::nullopt;
  Prepared mail;
  mail.now = parts_.clock.Now();
  mail.id = MailId{NewUuidV7(mail.now, parts_.random)};
  mail.recipient = recipient;
  TRY(std::string message, ComposeMail({mail.id, config_.from, mail.recipient, mail.now}, text));
  auto sealed = crypto::SealRecord(parts_.keyring, parts_.random, parts_.system_kek,
                                   PlaceOfMail(mail.id, recipient), AsBytes(message));
  Wipe(message.data(), message.size());
  TRY(mail.sealed, std::move(sealed));
  return mail;
}

Result<bool> Mail::Post(schema::Connection& connection, const std::optional<Prepared>& mail) {
  if (!mail) return true;
  return mail_store::Insert(connection, mail->id, mail->recipient, mail->sealed, mail->now, kMaxWaiting);
}

Result<bool> Mail::HasRoom(schema::Connection& connection) {
  return mail_store::HasRoom(connection, kMaxWaiting);
}

}  // namespace claviger::api
