#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/cmd_secret.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/files.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/value_input.h"
#include "cli/vault_name.h"

namespace claviger::cli {
namespace {

struct GetOptions : SecretAddress {
  std::string file;
};

Result<int> Get(const Context& context, const GetOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string vault_id, FindVaultId(api, options.vault));
  TRY(const SecretBytes text, api.GetText(SecretTarget(vault_id, options.path)));
  if (context.json() && options.file.empty()) {
    TRY(const Json secret, api::ParseJsonObject(text.Text()));
    PrintJson(secret);
    return kExitOk;
  }
  TRY(api::Secret secret, api::DecodeSecret(text.Text()));
  if (context.json()) {
    TRY(const Json about, api::EncodeSecretMetadata(secret.about));
    PrintJson(about);
  }
  TRY(const SecretBytes value, DecodeValue(std::move(secret)));
  TRYV(WriteSecret(options.file, value));
  return kExitOk;
}

// Not through stdio, whose buffer would keep a copy.
Status WriteToStdout(const SecretBytes& value) {
  TRYV(WriteAll(STDOUT_FILENO, value.View(), "standard output"));
  if (!IsTerminal(STDOUT_FILENO) || value.Text().ends_with('\n')) return Ok();
  return WriteAll(STDOUT_FILENO, AsBytes("\n"), "standard output");
}

}  // namespace

Status WriteSecret(const std::string& path, const SecretBytes& value) {
  if (path.empty()) return WriteToStdout(value);
  TRY(NewFile file, NewFile::Create(path));
  TRYV(file.Write(value.View()));
  return file.Commit();
}

void AddSecretGet(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<GetOptions>();
  auto* get = group.add_subcommand("get", "Print the exact bytes of a secret");
  AddAddress(*get, *options);
  get->add_option("--file", options->file, "Write to this file, mode 0600, instead of standard output");
  Choose(get, chosen, options, Get);
}

}  // namespace claviger::cli
