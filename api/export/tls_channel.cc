#include "api/export/tls_channel.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>

namespace claviger::api {
namespace {

struct CurlFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};

constexpr std::chrono::milliseconds kGlance{100};  // between two looks at `aborted`

int OnProgress(void* aborted, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(aborted)->load() ? 1 : 0;
}

// The scheme only brings TLS with it: no request is ever made.
std::string Url(const TlsChannelConfig& config) {
  const bool bare_ipv6 = config.server.find(':') != std::string::npos;
  return fmt::format("https://{}{}{}:{}", bare_ipv6 ? "[" : "", config.server, bare_ipv6 ? "]" : "",
                     config.port);
}

}  // namespace

struct TlsChannel::State {
  std::unique_ptr<CURL, CurlFree> curl;
  curl_socket_t socket = CURL_SOCKET_BAD;
  std::chrono::milliseconds timeout{};
  const std::atomic<bool>* aborted = nullptr;

  bool Configure(const TlsChannelConfig& config);
};

bool TlsChannel::State::Configure(const TlsChannelConfig& config) {
  const auto set = [this](CURLoption option, auto value) {
    return curl_easy_setopt(curl.get(), option, value) == CURLE_OK;
  };
  const auto limit = static_cast<long>(config.timeout.count());
  bool all = set(CURLOPT_URL, Url(config).c_str()) && set(CURLOPT_PROTOCOLS_STR, "https") &&
             set(CURLOPT_CONNECT_ONLY, 1L) && set(CURLOPT_SSL_ENABLE_ALPN, 0L) && set(CURLOPT_PROXY, "") &&
             set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED)) && set(CURLOPT_NOSIGNAL, 1L) &&
             set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)) &&
             set(CURLOPT_SSL_VERIFYPEER, 1L) && set(CURLOPT_SSL_VERIFYHOST, 2L) &&
             set(CURLOPT_CONNECTTIMEOUT_MS, limit) && set(CURLOPT_TIMEOUT_MS, limit) &&
             set(CURLOPT_NOPROGRESS, 0L) && set(CURLOPT_XFERINFOFUNCTION, OnProgress) &&
             set(CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(aborted));
  if (!config.ca_file.empty()) {
    // Without the second the system's directory of authorities would still be trusted beside the named file.
    all = all && set(CURLOPT_CAINFO, config.ca_file.c_str()) && set(CURLOPT_CAPATH, nullptr);
  }
  if (!config.certificate.empty()) {
    all = all && set(CURLOPT_SSLCERT, config.certificate.c_str()) &&
          set(CURLOPT_SSLKEY, config.private_key.c_str());
  }
  return all;
}

TlsChannel::TlsChannel(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsChannel::~TlsChannel() = default;

Result<std::unique_ptr<TlsChannel>> TlsChannel::Open(const TlsChannelConfig& config,
                                                     const std::atomic<bool>& aborted) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  auto state = std::make_unique<State>();
  state->timeout = config.timeout;
  state->aborted = &aborted;
  state->curl.reset(initialised == CURLE_OK ? curl_easy_init() : nullptr);
  if (!state->curl || !state->Configure(config)) return Unavailable("libcurl cannot make TLS connections");
  std::array<char, CURL_ERROR_SIZE> why{};
  curl_easy_setopt(state->curl.get(), CURLOPT_ERRORBUFFER, why.data());
  const CURLcode code = curl_easy_perform(state->curl.get());
  curl_easy_setopt(state->curl.get(), CURLOPT_ERRORBUFFER, nullptr);
  if (code != CURLE_OK) return Unavailable(why[0] != 0 ? why.data() : curl_easy_strerror(code));
  curl_easy_getinfo(state->curl.get(), CURLINFO_ACTIVESOCKET, &state->socket);
  if (state->socket == CURL_SOCKET_BAD) return Unavailable("the connection was closed at once");
  return std::unique_ptr<TlsChannel>(new TlsChannel(std::move(state)));
}

Status TlsChannel::Send(std::string_view bytes) {
  auto patience = state_->timeout;
  while (!bytes.empty()) {
    size_t sent = 0;
    const CURLcode code = curl_easy_send(state_->curl.get(), bytes.data(), bytes.size(), &sent);
    if (code == CURLE_OK) {
      bytes.remove_prefix(sent);
      patience = state_->timeout;
      continue;
    }
    if (code != CURLE_AGAIN) return Unavailable(curl_easy_strerror(code));
    if (*state_->aborted) return Unavailable("stopping");
    if (patience.count() <= 0) return Unavailable("the receiver takes nothing");
    pollfd writable{state_->socket, POLLOUT, 0};
    if (::poll(&writable, 1, static_cast<int>(kGlance.count())) == 0) patience -= kGlance;
  }
  return Ok();
}

Result<size_t> TlsChannel::Unacknowledged() {
  // Receivers say nothing, but TLS does (session tickets), and the end must be read to be seen.
  std::array<char, 1024> heard{};
  for (;;) {
    size_t size = 0;
    const CURLcode code = curl_easy_recv(state_->curl.get(), heard.data(), heard.size(), &size);
    if (code == CURLE_AGAIN) break;
    if (code != CURLE_OK || size == 0) return Unavailable("the receiver has closed the connection");
  }
  int bytes = 0;
  if (::ioctl(state_->socket, SIOCOUTQ, &bytes) != 0) return Unavailable("the connection is gone");
  return static_cast<size_t>(bytes);
}

}  // namespace claviger::api
