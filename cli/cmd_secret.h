#pragma once
// What the files of `claviger secret` share.

#include <string>

#include "cli/api_client.h"
#include "cli/command.h"

namespace claviger::cli {

struct SecretAddress {
  std::string vault;  // name or id
  std::string path;
};
void AddAddress(CLI::App& command, SecretAddress& address);

// The list answer: metadata of every secret whose path begins with `prefix`.
Result<Json> FetchSecretList(ApiClient& api, const std::string& vault_id, const std::string& prefix);
void PrintSecretMetadata(const Context& context, const Json& secret);

// Whole to the file, mode 0600, or to standard output if `path` is empty; there a line end is added for a
// terminal if there is none.
Status WriteSecret(const std::string& path, const SecretBytes& value);

void AddSecretPut(CLI::App& group, Action& chosen);
void AddSecretGet(CLI::App& group, Action& chosen);
void AddSecretExport(CLI::App& group, Action& chosen);

}  // namespace claviger::cli
