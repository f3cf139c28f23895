#pragma once
#include <string>

#include "base/error.h"
#include "base/secret_bytes.h"
#include "hsm/failure.h"

namespace claviger::hsm {

inline constexpr size_t kMaxPinBytes = 256;

// Reads the user PIN: the whole file without one final newline. Refuses a symbolic link, anything but a
// regular file, a foreign owner (neither root nor us), a file that group or others may read or write, an
// empty one, one longer than kMaxPinBytes, and further lines. A file under $CREDENTIALS_DIRECTORY may show
// group bits: systemd grants access there by ACL, whose mask appears as the group's mode.
Outcome<SecretBytes> ReadPinFile(const std::string& path);

// The same rules about the file itself, without reading it: for a plain refusal before anything else starts.
Status CheckPinFile(const std::string& path);

}  // namespace claviger::hsm
