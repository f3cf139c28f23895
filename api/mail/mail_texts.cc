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

MailText ApiKeyCreatedMail(std::string_view url, std::string_view email, std::string_view key_id,
                           const http::ClientAddress& client, Time now) {
  return {"A new API key",
          fmt::format("An API key was made for your account {} at\n"
                      "{}\n"
                      "{}. It does what you may do.\n"
                      "\n"
                      "If it was not you, revoke it, look for others, and change your password:\n"
                      "\n"
                      "    claviger --url {} api-key revoke {}\n"
                      "    claviger --url {} api-key list\n"
                      "\n"
                      "Of more than ten keys in an hour no mail tells.\n",
                      email, url, Asker(client, now), url, key_id, url)};
}

}  // namespace claviger::api
