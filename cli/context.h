#pragma once
// What every command gets: the global options and, from them and the stored session, a client for the server.

#include <optional>
#include <string>

#include "base/error.h"
#include "cli/api_client.h"
#include "cli/session.h"

namespace claviger::cli {

inline constexpr char kDefaultUrl[] = "https://127.0.0.1:8443";

struct GlobalOptions {
  std::string url;      // empty: of the session, else kDefaultUrl
  std::string ca_file;  // empty: of the session if the URL is its, else the system's authorities
  int timeout_seconds = 30;
  bool json = false;  // --output json
};

class Context {
 public:
  explicit Context(GlobalOptions options) : options_(std::move(options)) {}

  bool json() const { return options_.json; }
  std::chrono::seconds timeout() const { return std::chrono::seconds(options_.timeout_seconds); }

  struct Server {
    std::string url;
    std::string ca_file;
  };
  // Flags and environment first, then the session, then the default.
  Result<Server> ResolveServer() const;
  // Without a credential: login, signup, health, public keys.
  Result<ApiClient> Anonymous() const;
  // With CLAVIGER_TOKEN or CLAVIGER_API_KEY, else with the session's token. kUnauthenticated if there is
  // none, if it has expired, or if it belongs to another server: a token never goes to a server that did not
  // issue it.
  Result<ApiClient> LoggedIn() const;

  Result<ApiClient> Connect(const Server& server, SecretBytes token) const;

 private:
  GlobalOptions options_;
};

// The value of an environment variable, "" if it is unset.
std::string Environment(const char* name);

}  // namespace claviger::cli
