#include "api/mail/mail_texts.h"

#include <fmt/format.h>

namespace claviger::api {
namespace {

// "2026-03-01 12:00 UTC"
std::string Minute(Time time) {
  const std::string text = FormatTime(time);
  return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

std::string Asker(const http::ClientAddress& asker, Time now) {
  const std::string from = asker.ip ? asker.ip->ToString() : "the server's own machine";
  return fmt::format("on {} from {}", Minute(now), from);
}

}  // namespace

MailText ConfirmAddressMail(std::string_view url, const SecretBytes& token, const http::ClientAddress& asker,
                            Time now, std::string_view inviter) {
  const std::string joins =
      inviter.empty() ? "" : fmt::format("The account will be in the organisation of {}.\n\n", inviter);
  return {"Confirm your e-mail address",
          fmt::format("Somebody, {},\n"
                      "asked for an account with this address at\n"
                      "{}\n"
                      "\n"
                      "If it was you, open this page within 24 hours\n"
                      "\n"
                      "    {}/verify-email\n"
                      "\n"
                      "or run\n"
                      "\n"
                      "    claviger --url {} verify-email\n"
                      "\n"
                      "and enter this code there:\n"
                      "\n"
                      "    {}\n"
                      "\n"
                      "{}"
                      "If it was not you, do nothing: whoever asked also chose the password, and\n"
                      "without the code there will be no account.\n",
                      Asker(asker, now), url, url, url, token.Text(), joins)};
}

MailText AlreadyRegisteredMail(std::string_view url, const http::ClientAddress& asker, Time now) {
  return {"You already have an account",
          fmt::format("Somebody, {},\n"
                      "asked for an account with this address at\n"
                      "{}\n"
                      "\n"
                      "The address has an account already, and nothing was changed. If it was you, log\n"
                      "in with the password that you have. If it was not you, there is nothing to do.\n",
                      Asker(asker, now), url)};
}

MailText InvitationMail(std::string_view url, std::string_view inviter, std::string_view email,
                        std::string_view role) {
  return {"You are invited", fmt::format("{}\n"
                                         "invites you to join their organisation as {} at\n"
                                         "{}\n"
                                         "\n"
                                         "To accept, sign up with this address within a week:\n"
                                         "\n"
                                         "    claviger --url {} signup --email {}\n"
                                         "\n"
                                         "If you do not know them, do nothing.\n",
                                         inviter, role, url, url, email)};
}

MailText SharedMail(std::string_view url, std::string_view sharer, std::string_view email) {
  return {"A secret is shared with you",
          fmt::format("{}\n"
                      "shares a secret with you at\n"
                      "{}\n"
                      "\n"
                      "To read it, log in with this address, or sign up with it first:\n"
                      "\n"
                      "    claviger --url {} signup --email {}\n"
                      "\n"
                      "Then see what it is, accept it, and open it:\n"
                      "\n"
                      "    claviger share list --inbound\n"
                      "    claviger share accept ID\n"
                      "    claviger share open ID\n"
                      "\n"
                      "If you do not know them, do nothing.\n",
                      sharer, url, url, email)};
}

MailText ShareOpenedMail(std::string_view url, const http::ClientAddress& opener, Time now) {
  return {"A secret that you share was read",
          fmt::format("A secret that you share at\n"
                      "{}\n"
                      "was read {}.\n"
                      "\n"
                      "To see how often each was read, and to end a share:\n"
                      "\n"
                      "    claviger share list\n"
                      "    claviger share revoke ID\n"
                      "\n"
                      "Further reads within an hour send no mail.\n",
                      url, Asker(opener, now))};
}

MailText WelcomeMail(std::string_view url, std::string_view email, std::string_view inviter) {
  const std::string joined = inviter.empty()
                                 ? ""
                                 : fmt::format(
                                       "It is in the organisation of {}, who invited you.\n"
                                       "If you do not know them, delete it before you use it.\n\n",
                                       inviter);
  return {"Welcome", fmt::format("Your account {} at\n"
                                 "{}\n"
                                 "is ready.\n"
                                 "\n"
                                 "{}"
                                 "A second factor protects it further:\n"
                                 "\n"
                                 "    claviger mfa setup\n",
                                 email, url, joined)};
}

MailText PasswordChangedMail(std::string_view url, std::string_view email, Time now) {
  return {"Your password was changed", fmt::format("The password of your account {} at\n"
                                                   "{}\n"
                                                   "was changed on {}. All sessions have ended.\n"
                                                   "\n"
                                                   "If it was not you, tell your administrator at once.\n",
                                                   email, url, Minute(now))};
}

MailText AgentEnrolledMail(std::string_view url, std::string_view agent_id, const SecretBytes& key,
                           const http::ClientAddress& asker, Time asked_at) {
  return {"An agent in your name",
          fmt::format("Somebody, {},\n"
                      "asked for an agent in your name at\n"
                      "{}\n"
                      "\n"
                      "If you expected this, give the program its key. Nobody else has it:\n"
                      "\n"
                      "    agent  {}\n"
                      "    key    {}\n"
                      "\n"
                      "The agent can use vaults that it makes itself, and was granted nothing else. To\n"
                      "give it a key that was in no mail, or to end it, run\n"
                      "\n"
                      "    claviger --url {} agent rotate-key {}\n"
                      "    claviger --url {} agent deactivate {}\n",
                      Asker(asker, asked_at), url, agent_id, key.Text(), url, agent_id, url, agent_id)};
}

MailText NoRoomForAgentMail(std::string_view url, const http::ClientAddress& asker, Time asked_at) {
  return {"No room for an agent",
          fmt::format("Somebody, {},\n"
                      "asked for an agent in your name at\n"
                      "{}\n"
                      "\n"
                      "None was made: your organisation has all the agents it can have, or too many that\n"
                      "were asked for in this way have not been used yet. To end one of the latter, run\n"
                      "\n"
                      "    claviger --url {} agent list\n"
                      "    claviger --url {} agent deactivate ID\n",
                      Asker(asker, asked_at), url, url, url)};
}

MailText ApiKeyCreatedMail(std::string_view url, std::string_view email, std::string_view key_id,
                           const http::ClientAddress& client, Time now) {
  return {"A new API key",
          fmt::format("An API key was made for your account {} at\n"
                      "{}\n"
                      "{}. It can do whatever you can.\n"
                      "\n"
                      "If it was not you, revoke it, look for others, and change your password:\n"
                      "\n"
                      "    claviger --url {} api-key revoke {}\n"
                      "    claviger --url {} api-key list\n"
                      "\n"
                      "Beyond ten keys in an hour no mail is sent.\n",
                      email, url, Asker(client, now), url, key_id, url)};
}

}  // namespace claviger::api
