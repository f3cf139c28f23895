#pragma once
// The stored login: ${XDG_CONFIG_HOME:-~/.config}/claviger/session.json, mode 0600 in a directory of mode
// 0700. The tokens in it are sent only to the server they came from.
//
// Reading refuses a file that is a link, is not the caller's, or that others can read or write; writing
// replaces it in one step. Both refuse a directory that others can write to. The refresh token may lie in the
// keyring instead: see cli/keeping.h.

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret_bytes.h"
#include "cli/files.h"

namespace claviger::cli {

struct Session {
  std::string url;
  std::string ca_file;  // absolute, or empty: the system's authorities
  std::string email;
  SecretBytes token;
  Time expires_at{};
  SecretBytes refresh_token = {};
  bool in_keyring = false;  // where the refresh token is, in place of here

  // Else the session ends with its token.
  bool CanRenew() const { return in_keyring || !refresh_token.empty(); }
};

class SessionFile {
 public:
  // kInvalid if neither XDG_CONFIG_HOME nor a home directory is known.
  static Result<SessionFile> Locate();

  // Until the answer is destroyed no other process that asks for its turn gets it. Everybody who changes the
  // file does. kUnavailable if that takes longer than `limit`.
  Result<Fd> TakeTurn(std::chrono::milliseconds limit) const;

  // nullopt if there is none.
  Result<std::optional<Session>> Load() const;
  Status Save(const Session& session) const;
  // True if there was one. Removes even a file that Load refuses.
  Result<bool> Remove() const;
  std::string path() const { return directory_ + "/session.json"; }

 private:
  explicit SessionFile(std::string directory) : directory_(std::move(directory)) {}
  Result<Fd> MakeDirectory() const;
  // An empty Fd if the directory does not exist.
  Result<Fd> OpenDirectory() const;
  std::string directory_;
};

}  // namespace claviger::cli
