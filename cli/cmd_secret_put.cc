#include <unistd.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/cmd_secret.h"
#include "cli/cmek_keys.h"
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
  CmekOptions cmek;
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

Result<Json> Send(ApiClient& api, const std::string& vault_id, const std::string& path,
                  const api::PutSecretRequest& request) {
  std::string body = api::EncodePutSecret(request);
  const Wiping wiping(body);
  return api.PutText(SecretTarget(vault_id, path), body);
}

Result<Json> PutPlain(ApiClient& api, const PutOptions& options, SecretBytes value,
                      api::PutSecretRequest& request) {
  TRY(const std::string vault_id, FindVaultId(api, options.vault));
  TRYV(EncodeValue(std::move(value), request));
  return Send(api, vault_id, options.path, request);
}

// The server marks the value with the key that the vault has when it arrives, so nobody may have exchanged
// it.
Result<Json> PutSealed(ApiClient& api, const PutOptions& options, const CmekKeys& keys,
                       const SecretBytes& value, api::PutSecretRequest& request) {
  TRY(const Json vault, FindVault(api, options.vault));
  TRY(request.value, keys.Seal(vault, value));
  const std::string vault_id = TextOf(vault, "id");
  TRY(Json answer, Send(api, vault_id, options.path, request));
  TRY(const Json afterwards, FindVault(api, vault_id));
  if (TextOf(vault, "cmek_fingerprint") == TextOf(afterwards, "cmek_fingerprint")) return answer;
  return Conflict(
      "The vault's key was exchanged while the value was written; write it again, sealed with the new one");
}

Result<int> Put(const Context& context, const PutOptions& options) {
  api::PutSecretRequest request = RequestOf(options);
  TRY(const CmekKeys keys, CmekKeys::Read(options.cmek));
  TRY(ApiClient api, context.LoggedIn());
  TRY(SecretBytes value, ReadValue(options));
  if (options.trim_newline) TrimLineEnd(value);
  if (value.empty()) return Invalid("The value is empty");
  TRY(const Json answer, keys.empty() ? PutPlain(api, options, std::move(value), request)
                                      : PutSealed(api, options, keys, value, request));
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
  AddCmekOptions(*put, options->cmek);
  put->add_flag("--trim-newline", options->trim_newline, "Leave out one line end at the end of the value");
  Choose(put, chosen, options, Put);
}

}  // namespace claviger::cli
