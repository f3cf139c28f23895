#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "api/shares/shares_wire.h"
#include "cli/cmd_secret.h"
#include "cli/cmd_share.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/passphrase_input.h"
#include "cli/terminal.h"
#include "cli/value_input.h"

namespace claviger::cli {
namespace {

constexpr std::string_view kWantsPassphrase = "Missing or wrong passphrase";

struct OpenOptions {
  std::string share;  // id or link
  std::string file;
  PassphraseOptions passphrase;
};

// An open link needs no account.
Result<ApiClient> LoggedInOrNot(const Context& context) {
  auto api = context.LoggedIn();
  if (!api && api.error().kind == ErrorKind::kUnauthenticated) return context.Anonymous();
  return api;
}

// Asks for a passphrase only if the share has one, and somebody is there to be asked. To find out costs
// nothing: what does not open is not counted.
Result<SecretBytes> Fetch(ApiClient& api, const std::string& id, const PassphraseOptions& options) {
  if (!options.given()) {
    auto text = api.GetText(ShareTarget(id));
    const bool asks = !text && text.error().kind == ErrorKind::kUnauthenticated &&
                      text.error().detail.starts_with(kWantsPassphrase) && HasTerminal();
    if (!asks) return text;
  }
  TRY(const SecretBytes passphrase, ReadPassphrase(options, false));
  return api.GetText(ShareTarget(id), {{"X-Share-Passphrase", passphrase.Text()}});
}

Json AboutOf(Json answer) {
  answer.erase("value");
  return answer;
}

Result<int> Open(const Context& context, const OpenOptions& options) {
  TRY(const std::string id, ShareIdOf(context, options.share));
  TRY(ApiClient api, LoggedInOrNot(context));
  TRY(const SecretBytes text, Fetch(api, id, options.passphrase));
  if (context.json()) {
    TRY(Json answer, api::ParseJsonObject(text.Text()));
    PrintJson(options.file.empty() ? answer : AboutOf(answer));
    if (options.file.empty()) return kExitOk;
  }
  TRY(api::SharedSecret shared, api::DecodeSharedSecret(text.Text()));
  TRY(const SecretBytes value, DecodeValue(std::move(shared.value), shared.encoding));
  TRYV(WriteSecret(options.file, value));
  return kExitOk;
}

}  // namespace

void AddShareOpen(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<OpenOptions>();
  auto* open = group.add_subcommand("open", "Print the exact bytes of a secret that is shared with you");
  open->add_option("share", options->share, "Its id or link")->required();
  open->add_option("--file", options->file, "Write to this file, mode 0600, instead of standard output");
  AddPassphraseOptions(*open, options->passphrase);
  Choose(open, chosen, options, Open);
}

}  // namespace claviger::cli
