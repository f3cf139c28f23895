// signup, verify-email and login: they end with a stored session.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "api/mfa/mfa_wire.h"
#include "api/signup/signup_wire.h"
#include "cli/code_input.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/device_login.h"
#include "cli/exit_code.h"
#include "cli/keeping.h"
#include "cli/output.h"
#include "cli/password_input.h"
#include "cli/wiping.h"

namespace claviger::cli {
namespace {

struct LoginOptions {
  std::string email;
  std::string display_name;
  bool by_password = false;
  bool no_keyring = false;
  DeviceLoginOptions device;
  PasswordOptions password;
  CodeOptions code;
};

// `expires_in` tells the truth; without it the shortest life a token can have is assumed.
Time ExpiryOf(const Json& answer) {
  const auto found = answer.find("expires_in");
  const int64_t seconds = found != answer.end() && found->is_number_integer() ? found->get<int64_t>() : 60;
  return SystemClock().Now() + std::chrono::seconds(std::clamp<int64_t>(seconds, 0, 86'400));
}

// The token of an answer, wiped there; empty if the answer has none.
SecretBytes TakeToken(Json& answer) {
  const auto found = answer.find("access_token");
  if (found == answer.end() || !found->is_string()) return {};
  std::string& text = found->get_ref<std::string&>();
  const Wiping wiping(text);
  return SecretBytes(text);
}

// Of the session that `session` takes the place of.
bool LeavesTokenInKeyring(const Session& before, const Session& session) {
  const bool replaced = session.in_keyring && session.url == before.url && session.email == before.email;
  return before.in_keyring && !replaced;
}

Result<int> Store(const Context& context, Session session, bool in_keyring = false) {
  TRY(const SessionFile file, SessionFile::Locate());
  TRY(const Fd turn, file.TakeTurn(context.timeout()));
  const auto before = file.Load();
  if (in_keyring && session.CanRenew()) MoveToKeyring(session, file);
  TRYV(file.Save(session));
  if (before && before.value() && LeavesTokenInKeyring(*before.value(), session)) {
    RemoveFromKeyring(*before.value());
  }
  if (context.json()) {
    PrintJson(
        {{"url", session.url}, {"email", session.email}, {"expires_at", FormatTime(session.expires_at)}});
  } else {
    Notice("Logged in at " + session.url + " as " + Printable(session.email) +
           (session.CanRenew() ? " until you log out" : " until " + FormatTime(session.expires_at)));
  }
  return kExitOk;
}

Result<Json> SendPassword(const Context& context, const Context::Server& server, const char* target,
                          Json body, const SecretBytes& password) {
  TRY(ApiClient api, context.Connect(server, {}));
  body["password"] = password.Text();
  auto answer = api.Post(target, body);
  std::string& copy = body["password"].get_ref<std::string&>();
  Wipe(copy.data(), copy.size());
  return answer;
}

// The answer to a login that the server challenged for a code.
Result<Json> SendCode(const Context& context, const Context::Server& server, const CodeOptions& options,
                      api::MfaChallenge challenge) {
  TRY(SecretBytes code, ReadCode(options));
  TRY(ApiClient api, context.Connect(server, {}));
  const api::MfaVerifyRequest request{std::move(challenge.token), std::move(code)};
  return api.PostText("/v1/auth/mfa/verify", api::EncodeMfaVerify(request).Text());
}

Result<int> LoginByDevice(const Context& context, const LoginOptions& options) {
  TRY(const Context::Server server, context.ResolveServer());
  TRY(api::DeviceGrant grant, LogInByDevice(context, server, options.device));
  const Wiping wiping(grant.token.token);
  const Time expires_at = SystemClock().Now() + std::chrono::seconds(grant.token.expires_in);
  Session session{server.url, server.ca_file, grant.email, SecretBytes(grant.token.token), expires_at};
  if (grant.refresh_token) session.refresh_token = *std::move(grant.refresh_token);
  return Store(context, std::move(session), !options.no_keyring && !KeyringIsUnwanted());
}

Result<int> Login(const Context& context, const LoginOptions& options) {
  if (!options.by_password) return LoginByDevice(context, options);
  TRY(const Context::Server server, context.ResolveServer());
  TRY(const SecretBytes password, ReadPassword(options.password, false));
  TRY(Json answer, SendPassword(context, server, "/v1/auth/token", {{"email", options.email}}, password));
  if (auto challenge = api::DecodeMfaChallenge(answer)) {
    api::WipeStrings(answer);
    TRY(answer, SendCode(context, server, options.code, *std::move(challenge)));
  }
  const Time expires_at = ExpiryOf(answer);
  SecretBytes token = TakeToken(answer);
  if (token.empty()) return MakeError(ErrorKind::kInternal, "The server's answer lacks the token");
  return Store(context, {server.url, server.ca_file, options.email, std::move(token), expires_at});
}

Result<int> Signup(const Context& context, const LoginOptions& options) {
  TRY(const Context::Server server, context.ResolveServer());
  TRY(const SecretBytes password, ReadPassword(options.password, true));
  Json body = {{"email", options.email}};
  if (!options.display_name.empty()) body["display_name"] = options.display_name;
  TRY(Json answer, SendPassword(context, server, "/v1/auth/signup", std::move(body), password));
  const Time expires_at = ExpiryOf(answer);
  SecretBytes token = TakeToken(answer);
  if (!token.empty()) {
    return Store(context, {server.url, server.ca_file, options.email, std::move(token), expires_at});
  }
  // Where the server sends mail, the account begins with the link in it.
  if (context.json()) {
    PrintJson(answer);
  } else {
    Notice(TextOf(answer, "message"));
  }
  return kExitOk;
}

// The token says nothing of whose account it made.
Result<int> VerifyEmail(const Context& context, const LoginOptions& options) {
  TRY(const Context::Server server, context.ResolveServer());
  TRY(const SecretBytes code, ReadCode(options.code));
  TRY(ApiClient api, context.Connect(server, {}));
  TRY(Json answer, api.PostText("/v1/auth/verify-email", api::EncodeVerifyEmail(code).Text()));
  const Time expires_at = ExpiryOf(answer);
  SecretBytes token = TakeToken(answer);
  if (token.empty()) return MakeError(ErrorKind::kInternal, "The server's answer lacks the token");
  TRY(ApiClient as_user, context.Connect(server, token.Clone()));
  TRY(const Json profile, as_user.Get("/v1/auth/me"));
  return Store(context, {server.url, server.ca_file, TextOf(profile, "email"), std::move(token), expires_at});
}

}  // namespace

void AddLogin(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<LoginOptions>();
  auto* login = app.add_subcommand("login", "Log in and store the session");
  auto* no_qr = login->add_flag("--no-qr", options->device.no_qr, "Draw no QR code of the link");
  auto* no_keyring = login->add_flag("--no-keyring", options->no_keyring,
                                     "Keep the refresh token in session.json, not in the keyring");
  auto* password =
      login->add_flag("--password", options->by_password, "Log in here, with address and password");
  auto* email = login->add_option("--email", options->email, "The account, with --password");
  password->needs(email)->excludes(no_qr)->excludes(no_keyring);
  AddPasswordOptions(*login, options->password);
  AddCodeOptions(*login, options->code);
  for (const char* name : {"--email", "--password-file", "--password-stdin", "--code-file", "--code-stdin"}) {
    login->get_option(name)->needs(password);
  }
  login->get_option("--code-stdin")->excludes(login->get_option("--password-stdin"));
  Choose(login, chosen, options, Login);
}

void AddSignup(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<LoginOptions>();
  auto* signup = app.add_subcommand("signup", "Create an account and log in");
  signup->add_option("--email", options->email, "The account")->required();
  signup->add_option("--display-name", options->display_name, "How others see you");
  AddPasswordOptions(*signup, options->password);
  Choose(signup, chosen, options, Signup);
}

void AddVerifyEmail(CLI::App& app, Action& chosen) {
  auto options = std::make_shared<LoginOptions>();
  auto* verify = app.add_subcommand("verify-email", "Make the account that a mailed code stands for");
  AddCodeOptions(*verify, options->code);
  Choose(verify, chosen, options, VerifyEmail);
}

}  // namespace claviger::cli
