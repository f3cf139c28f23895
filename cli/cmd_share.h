#pragma once
// What the files of `claviger share` share.

#include <string>

#include "cli/command.h"
#include "cli/context.h"

namespace claviger::cli {

// Accepts an id, and a link of the server that is spoken to; kInvalid for links of others.
Result<std::string> ShareIdOf(const Context& context, const std::string& id_or_link);
std::string ShareTarget(const std::string& id);

void AddShareOpen(CLI::App& group, Action& chosen);

}  // namespace claviger::cli
