#include "cli/context.h"

#include <cstdlib>
#include <filesystem>

#include "cli/renewal.h"
#include "cli/wiping.h"

namespace claviger::cli {
namespace {

Result<Context::Server> Resolve(const GlobalOptions& options, const std::optional<Session>& session) {
  Context::Server server;
  const std::string chosen = !options.url.empty() ? options.url : session ? session->url : kDefaultUrl;
  TRY(server.url, NormalizeUrl(chosen));
  if (!options.ca_file.empty()) {
    std::error_code failed;
    server.ca_file = std::filesystem::absolute(options.ca_file, failed).lexically_normal().string();
    if (failed) return Invalid("Cannot resolve the path of the CA file");
  } else if (session && session->url == server.url) {
    server.ca_file = session->ca_file;
  }
  return server;
}

Result<std::optional<Session>> LoadSession() {
  TRY(const SessionFile file, SessionFile::Locate());
  return file.Load();
}

Error NotLoggedIn(std::string sentence) {
  return MakeError(ErrorKind::kUnauthenticated, std::move(sentence));
}

}  // namespace

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Result<Context::Server> Context::ResolveServer() const {
  TRY(const auto session, LoadSession());
  return Resolve(options_, session);
}

Result<ApiClient> Context::Connect(const Server& server, SecretBytes token) const {
  TRY(HttpClient http, HttpClient::New({.url = server.url,
                                        .ca_file = server.ca_file,
                                        .timeout = std::chrono::seconds(options_.timeout_seconds)}));
  return ApiClient(std::move(http), std::move(token));
}

Result<ApiClient> Context::Anonymous() const {
  TRY(const Server server, ResolveServer());
  return Connect(server, {});
}

Result<ApiClient> Context::LoggedIn() const {
  TRY(auto session, LoadSession());
  TRY(const Server server, Resolve(options_, session));
  for (const char* name : {"CLAVIGER_TOKEN", "CLAVIGER_API_KEY"}) {
    std::string credential = Environment(name);
    const Wiping wiping(credential);
    if (!credential.empty()) return Connect(server, SecretBytes(credential));
  }
  if (!session) return NotLoggedIn("Not logged in; run 'claviger login'");
  if (session->url != server.url) {
    return NotLoggedIn("Logged in at " + session->url + ", not at " + server.url +
                       "; run 'claviger login' with this --url");
  }
  TRY(const Session renewed, Renewed(*this, *std::move(session)));
  if (renewed.expires_at <= SystemClock().Now()) {
    return NotLoggedIn("The session of " + renewed.email + " expired at " + FormatTime(renewed.expires_at) +
                       "; run 'claviger login'");
  }
  return Connect(server, renewed.token.Clone());
}

}  // namespace claviger::cli
