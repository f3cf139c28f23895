#include "api/oidc/https_get.h"

#include <curl/curl.h>

#include <array>
#include <memory>

namespace claviger::api {
namespace {

struct CurlFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

struct Body {
  std::string text;
  size_t max_bytes;
};

// Less than what came ends the transfer.
size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto& body = *static_cast<Body*>(user);
  if (size > body.max_bytes - body.text.size()) return 0;
  body.text.append(data, size);
  return size;
}

}  // namespace

Result<std::string> HttpsGet(const std::string& url, const HttpsGetOptions& options) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, CurlFree> curl(initialised == CURLE_OK ? curl_easy_init() : nullptr);
  if (!curl) return Internal("libcurl cannot start");
  CURL* c = curl.get();
  Body body{{}, options.max_bytes};
  std::array<char, CURL_ERROR_SIZE> error_text{};
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(c, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty()) {
    curl_easy_setopt(c, CURLOPT_CAINFO, options.ca_file.c_str());
    // Otherwise the system's directory of authorities would still be trusted beside the named file.
    curl_easy_setopt(c, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error_text.data());
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(c);
  if (code != CURLE_OK) {
    return Unavailable(url + ": " + (error_text[0] ? error_text.data() : curl_easy_strerror(code)));
  }
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return Unavailable(url + " answered " + std::to_string(status));
  return std::move(body.text);
}

}  // namespace claviger::api
