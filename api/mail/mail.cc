#include "api/mail/mail.h"

#include "api/mail/mail_store.h"
#include "api/system_keks/system_keks_store.h"
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
  auto sealed = Seal(mail, message);
  Wipe(message.data(), message.size());
  TRYV(sealed);
  return mail;
}

Status Mail::Seal(Prepared& mail, std::string_view message) {
  crypto::WrappedKek kek;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(kek, system_keks_store::Newest(*lease));
  }
  mail.kek_version = kek.identity.version;
  TRY(mail.sealed, crypto::SealRecord(parts_.keyring, parts_.random, kek,
                                      PlaceOfMail(mail.id, mail.recipient), AsBytes(message)));
  return Ok();
}

Result<bool> Mail::Post(schema::Connection& connection, const std::optional<Prepared>& mail) {
  if (!mail) return true;
  return mail_store::Insert(
      connection, {mail->id, mail->recipient, mail->sealed, mail->kek_version, mail->now}, kMaxWaiting);
}

Result<bool> Mail::HasRoom(schema::Connection& connection) {
  return mail_store::HasRoom(connection, kMaxWaiting);
}

}  // namespace claviger::api
