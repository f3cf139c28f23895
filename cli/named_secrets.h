#pragma once
// The secrets of a vault that a command takes, each under the name of an environment variable.

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret_bytes.h"
#include "cli/cmek_keys.h"
#include "cli/command.h"

namespace claviger::cli {

// A folder, or secrets that are named one by one; all of the vault if neither is given.
struct NamedSecrets {
  std::string vault;  // name or id
  std::string prefix;
  std::vector<std::string> secrets;  // NAME=PATH
  bool allow_unsafe_names = false;
  CmekOptions cmek;
};
// The options for all but the vault.
void AddNamedSecrets(CLI::App& command, NamedSecrets& which);

// Calls `take` for each, by name. Nothing is read from the server before all names are known to be usable
// and distinct; no error tells more than paths and names. At most 1000 secrets.
Status ForEachNamedSecret(
    const Context& context, const NamedSecrets& which,
    const std::function<Status(const std::string& name, const SecretBytes& value)>& take);

}  // namespace claviger::cli
