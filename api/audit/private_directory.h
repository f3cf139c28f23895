#pragma once
// Directories in which the daemon keeps files beside the database.

#include <string>

#include "api/http/owned_fd.h"
#include "base/error.h"

namespace claviger::api {

// For openat(). kInvalid, naming it, unless it belongs to this user or root and nobody else may write to it.
Result<http::OwnedFd> OpenPrivateDirectory(const std::string& path);

// Whether it is a regular file of this user, with one name, and without any permission for others.
bool IsPrivateFile(const http::OwnedFd& file);

}  // namespace claviger::api
