#pragma once
// The command line's only way to the network: HTTPS to one server, through libcurl.
//
// Promises: TLS 1.2 or newer, certificate and host name always verified; every request ends within the time
// limit; at most 16 MiB of an answer are read; redirects are not followed; neither ~/.netrc nor the proxy
// variables of the environment are used, so that a bearer token goes to the named server and nowhere else.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::cli {

// Name and value of further headers, fit to be sent as they are; the copies made here are wiped.
using SecretHeaders = std::vector<std::pair<std::string_view, std::string_view>>;

struct HttpRequest {
  std::string method;  // "GET"
  std::string target;  // "/v1/vaults?x=y", already percent-encoded
  std::string_view bearer = {};
  std::string_view json = {};  // sent as the body of anything but GET
  SecretHeaders headers = {};
};

struct HttpResponse {
  long status = 0;
  std::string content_type;
  std::string request_id;   // X-Request-Id or empty
  std::string retry_after;  // Retry-After or empty
  std::string link;         // Link or empty; several headers joined by commas
  SecretBytes body;
};

class HttpClient {
 public:
  struct Options {
    std::string url;      // as NormalizeUrl gives it
    std::string ca_file;  // PEM; replaces the system's authorities; empty: the system's
    std::chrono::seconds timeout{30};
  };
  static Result<HttpClient> New(Options options);
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  ~HttpClient();

  // kUnavailable if no trusted connection exists or the answer does not come in time; kInternal if the answer
  // is too large. The detail is fit for people.
  Result<HttpResponse> Send(const HttpRequest& request);
  const std::string& url() const;

 private:
  struct State;
  explicit HttpClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "https://host[:port][/base]" without a trailing slash, host in lower case, default port left out. kInvalid
// for anything but https, and for user names, queries and fragments.
Result<std::string> NormalizeUrl(std::string_view text);

// Percent-encodes everything but RFC 3986's unreserved characters.
std::string EscapeSegment(std::string_view text);

}  // namespace claviger::cli
