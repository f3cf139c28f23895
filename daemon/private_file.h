#pragma once
// Files that hold secrets or decide about them: who may be able to touch them.

#include <string>

#include "base/error.h"

namespace claviger::daemon {

// kInvalid with one sentence unless `path` is a regular file that belongs to this user or to root, gives
// group and world no permission at all, and can be opened for reading. `what` names it: "the configuration
// file".
Status CheckPrivateFile(const std::string& path, const std::string& what);

// The same check on the open file, then its text. At most 1 MiB.
Result<std::string> ReadPrivateFile(const std::string& path, const std::string& what);

// For what is no secret: others may read it, but neither group nor world may write it.
Result<std::string> ReadTrustedFile(const std::string& path, const std::string& what, size_t max_bytes);

}  // namespace claviger::daemon
