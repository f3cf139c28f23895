#pragma once
// When something ends, as a time or as a duration from now.

#include <optional>
#include <string>

#include "base/clock.h"

namespace CLI {
class App;
}

namespace claviger::cli {

struct ExpiryOptions {
  std::string at;
  std::string in;

  // nullopt if neither was given. The options were checked when they were parsed.
  std::optional<Time> Moment() const;
};
void AddExpiryOptions(CLI::App& command, ExpiryOptions& options, const std::string& what);

}  // namespace claviger::cli
