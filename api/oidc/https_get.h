#pragma once
// The one place of the daemon that fetches something over HTTPS: libcurl ends here.

#include <chrono>
#include <string>

#include "base/error.h"

namespace claviger::api {

struct HttpsGetOptions {
  std::string ca_file;  // empty: the system's authorities
  std::chrono::milliseconds timeout{2500};
  size_t max_bytes = 256 * 1024;
};

// The body of a 200 answer. https only, certificate verified, no redirects, no cookies; kUnavailable for
// anything else. A proxy is used if the environment names one (https_proxy).
Result<std::string> HttpsGet(const std::string& url, const HttpsGetOptions& options);

}  // namespace claviger::api
