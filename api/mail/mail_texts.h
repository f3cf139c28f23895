#pragma once
// What the daemon writes to people. No text that anybody else chose is ever in it, but for addresses: else a
// stranger could have this installation send their words to any address.

#include "api/http/client_address.h"
#include "api/mail/mail_message.h"
#include "base/secret_bytes.h"

namespace claviger::api {

// `url`: where people reach the installation. `inviter`: whose organisation the account will be in; empty:
// one of its own.
MailText ConfirmAddressMail(std::string_view url, const SecretBytes& token, const http::ClientAddress& asker,
                            Time now, std::string_view inviter);
MailText InvitationMail(std::string_view url, std::string_view inviter, std::string_view email,
                        std::string_view role);
// `sharer` shares a secret with `email`.
MailText SharedMail(std::string_view url, std::string_view sharer, std::string_view email);
// To who shares: `opener` got the secret.
MailText ShareOpenedMail(std::string_view url, const http::ClientAddress& opener, Time now);
MailText AlreadyRegisteredMail(std::string_view url, const http::ClientAddress& asker, Time now);
// `inviter`: whose organisation the account is in, where no mail before has named them; empty otherwise.
MailText WelcomeMail(std::string_view url, std::string_view email, std::string_view inviter = {});
MailText PasswordChangedMail(std::string_view url, std::string_view email, Time now);
// To the person whose agent `agent_id` is, which somebody asked for.
MailText AgentEnrolledMail(std::string_view url, std::string_view agent_id, const SecretBytes& key,
                           const http::ClientAddress& asker, Time asked_at);
MailText NoRoomForAgentMail(std::string_view url, const http::ClientAddress& asker, Time asked_at);
MailText ApiKeyCreatedMail(std::string_view url, std::string_view email, std::string_view key_id,
                           const http::ClientAddress& client, Time now);

}  // namespace claviger::api
