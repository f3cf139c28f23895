#pragma once
// The table of configuration keys: one row a key, and how its text is read and shown.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.h"

namespace claviger::daemon {

struct ConfigKey {
  std::string_view name;   // "http.idle_timeout"; without a dot: before the file's first section
  std::string_view about;  // one phrase for --help
  bool repeatable = false;
  bool masked = false;  // shown by check-config as "(set)" only
  // False if the text is no value of this key. A repeatable key gets every occurrence at once, others exactly
  // one.
  std::function<bool(Config&, const std::vector<std::string>&)> read{};
  std::function<std::vector<std::string>(const Config&)> show{};
  std::string rule{};  // what a value must be, for the refusal: "a duration such as 30s"
};

std::vector<ConfigKey> MakeConfigKeys();

}  // namespace claviger::daemon
