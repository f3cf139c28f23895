#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/mfa/mfa_wire.h"
#include "cli/code_input.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/password_input.h"
#include "cli/qr_code.h"
#include "cli/terminal.h"

namespace claviger::cli {
namespace {

struct MfaOptions {
  CodeOptions code;
  PasswordOptions password;
  bool with_password = false;
  bool no_qr = false;
};

// An answer that holds secrets; they are wiped with it.
class SecretAnswer {
 public:
  explicit SecretAnswer(Json json) : json_(std::move(json)) {}
  ~SecretAnswer() { api::WipeStrings(json_); }
  SecretAnswer(const SecretAnswer&) = delete;
  SecretAnswer& operator=(const SecretAnswer&) = delete;
  const Json& operator*() const { return json_; }

 private:
  Json json_;
};

Result<int> ShowStatus(const Context& context, const MfaOptions&) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json status, api.Get("/v1/auth/mfa/status"));
  if (context.json()) {
    PrintJson(status);
  } else {
    PrintFields({{"second factor", TextOf(status, "enabled") == "true" ? "enabled" : "not enabled"}});
  }
  return kExitOk;
}

Result<int> SendFirstCode(const Context& context, ApiClient& api, const SecretBytes& code) {
  TRY(Json json, api.PostText("/v1/auth/mfa/verify-setup", api::EncodeMfaVerifySetup(code).Text()));
  const SecretAnswer answer(std::move(json));
  if (context.json()) {
    PrintJson(*answer);
    return kExitOk;
  }
  Notice(
      "The second factor is enabled. Keep these recovery codes where your device is not: each stands in for "
      "a code once, and they are not shown again.");
  const auto codes = (*answer).find("recovery_codes");
  if (codes == (*answer).end() || !codes->is_array()) {
    return MakeError(ErrorKind::kInternal, "The server's answer lacks the recovery codes");
  }
  for (const Json& recovery : *codes) {
    if (recovery.is_string()) {
      std::printf("%s\n", Printable(recovery.get_ref<const std::string&>()).c_str());
    }
  }
  return kExitOk;
}

Status ShowSetup(const Json& setup, bool no_qr) {
  const std::string uri = TextOf(setup, "otpauth_uri");
  if (no_qr || !IsTerminal(STDOUT_FILENO)) {
    std::printf("%s\n", Printable(uri).c_str());
    return Ok();
  }
  TRY(const std::string drawing, DrawQrCode(uri));
  std::printf("%s\n", drawing.c_str());
  PrintFields({{"secret", TextOf(setup, "secret")}});
  return Ok();
}

Result<int> Setup(const Context& context, const MfaOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json json, api.PostText("/v1/auth/mfa/setup", "{}"));
  const SecretAnswer setup(std::move(json));
  const bool may_ask = !context.json() && HasTerminal();
  if (context.json()) {
    PrintJson(*setup);
  } else {
    TRYV(ShowSetup(*setup, options.no_qr));
  }
  if (!may_ask) {
    Notice("Enable the second factor with its first code: claviger mfa confirm");
    return kExitOk;
  }
  TRYV(FinishOutput());
  Notice("Give this to your authenticator app, then type the code that it shows.");
  TRY(const SecretBytes code, ReadCode({}));
  return SendFirstCode(context, api, code);
}

Result<int> ConfirmSetup(const Context& context, const MfaOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const SecretBytes code, ReadCode(options.code));
  return SendFirstCode(context, api, code);
}

Result<int> Disable(const Context& context, const MfaOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  api::MfaDisableRequest proof;
  if (options.with_password || options.password.from_stdin || !options.password.file.empty()) {
    TRY(proof.password, ReadPassword(options.password, false));
  } else {
    TRY(proof.code, ReadCode(options.code));
  }
  TRYV(api.Delete("/v1/auth/mfa", api::EncodeMfaDisable(proof).Text()));
  if (context.json()) PrintJson(api::EncodeMfaStatus(false));
  Notice("The second factor is disabled");
  return kExitOk;
}

}  // namespace

void AddMfa(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("mfa", "Log in with a second factor");
  group->require_subcommand(1);
  auto options = std::make_shared<MfaOptions>();

  Choose(group->add_subcommand("status", "Show whether a second factor is enabled"), chosen, options,
         ShowStatus);

  auto* setup = group->add_subcommand("setup", "Set up an authenticator app");
  setup->add_flag("--no-qr", options->no_qr, "Print the otpauth URI in place of a QR code");
  Choose(setup, chosen, options, Setup);

  auto* confirm = group->add_subcommand("confirm", "Enable what was set up, with its first code");
  AddCodeOptions(*confirm, options->code);
  Choose(confirm, chosen, options, ConfirmSetup);

  auto* disable = group->add_subcommand("disable", "Log in with the password alone again");
  AddCodeOptions(*disable, options->code);
  AddPasswordOptions(*disable, options->password);
  disable->get_option("--code-stdin")->excludes(disable->get_option("--password-stdin"));
  disable->add_flag("--with-password", options->with_password, "Ask for the password in place of a code");
  Choose(disable, chosen, options, Disable);
}

}  // namespace claviger::cli
