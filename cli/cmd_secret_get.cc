#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/cmd_secret.h"
#include "cli/cmek_keys.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/files.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/value_input.h"
#include "cli/vault_name.h"
#include "cli/wiping.h"

namespace claviger::cli {
namespace {

struct GetOptions : SecretAddress {
  std::string file;
  CmekOptions cmek;
};

Result<SecretBytes> ValueOf(api::Secret secret, const CmekKeys& keys) {
  if (!secret.cmek_encrypted || !keys.empty()) return keys.Open(std::move(secret));
  Notice("The value is sealed under a customer-managed key; --cmek-key-file opens it");
  return std::move(secret.value);
}

// The server's answer with the opened value in it.
Result<SecretBytes> OpenInside(api::Secret secret, const CmekKeys& keys) {
  TRY(secret.value, keys.Unseal(secret.value.Text()));
  if (!IsUtf8(secret.value.Text())) return Invalid("The value is not text; JSON cannot hold it");
  TRY(std::string body, api::EncodeSecret(secret));
  const Wiping wiping(body);
  return SecretBytes(body);
}

Result<int> Get(const Context& context, const GetOptions& options) {
  TRY(const CmekKeys keys, CmekKeys::Read(options.cmek));
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string vault_id, FindVaultId(api, options.vault));
  TRY(SecretBytes text, api.GetText(SecretTarget(vault_id, options.path)));
  TRY(api::Secret secret, api::DecodeSecret(text.Text()));
  if (context.json() && options.file.empty()) {
    if (secret.cmek_encrypted && !keys.empty()) {
      TRY(text, OpenInside(std::move(secret), keys));
    }
    TRY(const Json json, api::ParseJsonObject(text.Text()));
    PrintJson(json);
    return kExitOk;
  }
  if (context.json()) {
    TRY(const Json about, api::EncodeSecretMetadata(secret.about));
    PrintJson(about);
  }
  TRY(const SecretBytes value, ValueOf(std::move(secret), keys));
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
  AddCmekOptions(*get, options->cmek);
  Choose(get, chosen, options, Get);
}

}  // namespace claviger::cli
