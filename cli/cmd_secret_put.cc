#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/cmd_secret.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/expiry_options.h"
#include "cli/files.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/value_input.h"
#include "cli/vault_name.h"
#include "cli/wiping.h"

namespace claviger::cli {
namespace {

struct PutOptions : SecretAddress {
  std::string file;
  std::string type;
  std::string metadata;
  ExpiryOptions expiry;
  uint32_t max_reads = 0;
  bool trim_newline = false;
};

std::string CheckMetadata(const std::string& text) {
  return !text.empty() && api::ParseJsonObject(text) ? "" : "The metadata is not a JSON object";
}

Result<SecretBytes> ReadValue(const PutOptions& options) {
  if (!options.file.empty()) return ReadFile(options.file, api::kMaxSecretBodyBytes);
  if (IsTerminal(STDIN_FILENO)) return AskSecret("Value: ");
  return ReadAll(STDIN_FILENO, api::kMaxSecretBodyBytes, "standard input");
}

// Everything but the value; the options were checked when they were parsed.
api::PutSecretRequest RequestOf(const PutOptions& options) {
  api::PutSecretRequest request;
  if (!options.type.empty()) request.type = options.type;
  if (!options.metadata.empty()) request.metadata = options.metadata;
  request.expires_at = options.expiry.Moment();
  request.max_access_count = options.max_reads;
  return request;
}

Result<int> Put(const Context& context, const PutOptions& options) {
  api::PutSecretRequest request = RequestOf(options);
  TRY(ApiClient api, context.LoggedIn());
  TRY(const std::string vault_id, FindVaultId(api, options.vault));
  TRY(SecretBytes value, ReadValue(options));
  if (options.trim_newline) TrimLineEnd(value);
  if (value.empty()) return Invalid("The value is empty");
  TRYV(EncodeValue(std::move(value), request));
  std::string body = api::EncodePutSecret(request);
  const Wiping wiping(body);
  TRY(const Json answer, api.PutText(SecretTarget(vault_id, options.path), body));
  PrintSecretMetadata(context, answer);
  return kExitOk;
}

}  // namespace

void AddSecretPut(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<PutOptions>();
  auto* put = group.add_subcommand("put", "Store a new version of a secret, read from standard input");
  AddAddress(*put, *options);
  put->add_option("--file", options->file, "Read the value from this file instead");
  put->add_option("--type", options->type,
                  "Such as password, api_key, certificate (default: as before, or generic)")
      ->check(CLI::IsMember(std::vector<std::string>(api::kSecretTypes.begin(), api::kSecretTypes.end())));
  put->add_option("--metadata", options->metadata, "A JSON object to keep beside the value; it is not secret")
      ->check(CheckMetadata);
  AddExpiryOptions(*put, options->expiry, "When the value stops being readable");
  put->add_option("--max-reads", options->max_reads,
                  "How often the value may be read (default without limit)")
      ->check(CLI::Range(1, 2147483647));
  put->add_flag("--trim-newline", options->trim_newline, "Leave out one line end at the end of the value");
  Choose(put, chosen, options, Put);
}

}  // namespace claviger::cli
