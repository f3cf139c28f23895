#pragma once
// Which files a connection needs besides its socket.

#include <string>
#include <vector>

namespace claviger::schema {

// Files that libpq may read for it, which it or the environment names. They need not be there.
std::vector<std::string> FilesNamedBy(const std::string& conninfo);

}  // namespace claviger::schema
