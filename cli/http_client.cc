#include "cli/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "cli/secret_buffer.h"
#include "cli/version.h"
#include "cli/wiping.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxResponseBytes = 16 * 1024 * 1024;
constexpr size_t kMaxHeaderValueBytes = 256;
constexpr size_t kMaxLinkBytes = 8192;
constexpr long kMaxConnectSeconds = 10;

struct CurlFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};
template <class T>
using CurlPtr = std::unique_ptr<T, CurlFree>;

// One answer while it arrives.
struct Receiver {
  SecretBuffer body{kMaxResponseBytes};
  bool too_large = false;
  HttpResponse* response = nullptr;
};

size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto& receiver = *static_cast<Receiver*>(user);
  if (receiver.body.Append({reinterpret_cast<const uint8_t*>(data), size})) return size;
  receiver.too_large = true;
  return 0;
}

std::string_view Trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// Too long a link becomes one that is refused where it is read: cut short, it could end a list unnoticed.
void AppendLink(std::string& link, std::string_view value) {
  if (!link.empty()) link += ", ";
  link += value;
  if (link.size() > kMaxLinkBytes) link = "<";
}

size_t OnHeader(char* data, size_t, size_t size, void* user) {
  HttpResponse& response = *static_cast<Receiver*>(user)->response;
  const std::string_view line(data, size);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  const std::string name = LowerCase(line.substr(0, colon));
  const std::string_view whole = Trim(line.substr(colon + 1));
  const std::string value(whole.substr(0, kMaxHeaderValueBytes));
  if (name == "content-type") response.content_type = value;
  if (name == "x-request-id") response.request_id = value;
  if (name == "retry-after") response.retry_after = value;
  if (name == "link") AppendLink(response.link, whole);
  return size;
}

Error TransferError(CURLcode code, const char* text, const HttpClient::Options& options) {
  const std::string why = *text ? text : curl_easy_strerror(code);
  const auto unreachable = [&](std::string detail) {
    return MakeError(ErrorKind::kUnavailable, std::move(detail));
  };
  switch (code) {
    case CURLE_SSL_CACERT_BADFILE:
      return unreachable("Cannot use the CA file " + options.ca_file + ": " + why);
    case CURLE_PEER_FAILED_VERIFICATION:
      return unreachable("The certificate of " + options.url + " is not trusted: " + why +
                         " (name its authority with --ca-file)");
    case CURLE_OPERATION_TIMEDOUT:
      return unreachable("No complete answer from " + options.url + " within the time limit (" +
                         std::to_string(options.timeout.count()) + " s)");
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return unreachable("The connection to " + options.url + " broke off: " + why);
    default:
      return unreachable("Cannot reach " + options.url + ": " + why);
  }
}

// Empty if the URL has no such part.
std::string UrlPart(const CurlPtr<CURLU>& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return "";
  const CurlPtr<char> owned(text);
  return text;
}

}  // namespace

struct HttpClient::State {
  Options options;
  CurlPtr<CURL> curl;
  std::array<char, CURL_ERROR_SIZE> error_text{};

  void SetFixedOptions();
};

// Every option here is a string, a number or a pointer that libcurl accepts on any build of Debian's libcurl;
// the one that may fail (TLS verification unavailable) would fail the transfer itself.
void HttpClient::State::SetFixedOptions() {
  CURL* c = curl.get();
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_PROXY, "");
  curl_easy_setopt(c, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(c, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty()) {
    curl_easy_setopt(c, CURLOPT_CAINFO, options.ca_file.c_str());
    // Otherwise the system's directory of authorities would still be trusted beside the named file.
    curl_easy_setopt(c, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(c, CURLOPT_TIMEOUT, static_cast<long>(options.timeout.count()));
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT,
                   std::min(kMaxConnectSeconds, static_cast<long>(options.timeout.count())));
  curl_easy_setopt(c, CURLOPT_USERAGENT, "claviger/" CLAVIGER_VERSION);
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error_text.data());
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, &OnHeader);
}

HttpClient::HttpClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

const std::string& HttpClient::url() const { return state_->options.url; }

Result<HttpClient> HttpClient::New(Options options) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  if (initialised == CURLE_OK) state->curl.reset(curl_easy_init());
  if (!state->curl) return Internal("libcurl cannot start");
  state->SetFixedOptions();
  return HttpClient(std::move(state));
}

Result<HttpResponse> HttpClient::Send(const HttpRequest& request) {
  CURL* c = state_->curl.get();
  HttpResponse response;
  Receiver receiver;
  receiver.response = &response;
  const std::string url = state_->options.url + request.target;
  CurlPtr<curl_slist> headers(curl_slist_append(nullptr, "Accept: application/json"));
  // "Expect: 100-continue" would only cost a round trip.
  for (const char* line : {"Content-Type: application/json", "Expect:"}) {
    headers.reset(curl_slist_append(headers.release(), line));
  }
  for (const auto& [name, value] : request.headers) {
    std::string line(name);
    line.append(": ").append(value);
    const Wiping wiping(line);
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  }
  std::string bearer(request.bearer);  // libcurl wants a terminated string
  if (!bearer.empty()) {
    curl_easy_setopt(c, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
    curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, bearer.c_str());
  }
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  if (request.method == "GET") {
    curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(c, CURLOPT_POST, 1L);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, request.json.data() ? request.json.data() : "");
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.json.size()));
  }
  curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, &receiver);
  state_->error_text[0] = '\0';
  const CURLcode code = curl_easy_perform(c);
  Wipe(bearer.data(), bearer.size());
  for (curl_slist* line = headers.get(); line != nullptr; line = line->next) {
    Wipe(line->data, std::strlen(line->data));
  }
  if (receiver.too_large) {
    return MakeError(ErrorKind::kInternal, "The answer of " + state_->options.url + " is larger than 16 MiB");
  }
  if (code != CURLE_OK) return TransferError(code, state_->error_text.data(), state_->options);
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &response.status);
  response.body = receiver.body.Take();
  return response;
}

Result<std::string> NormalizeUrl(std::string_view text) {
  const CurlPtr<CURLU> url(curl_url());
  if (!url) return Internal("libcurl cannot start");
  const std::string terminated(text);
  if (curl_url_set(url.get(), CURLUPART_URL, terminated.c_str(), 0) != CURLUE_OK) {
    return Invalid("Not a URL; it should look like https://vault.example.com:8443");
  }
  if (UrlPart(url, CURLUPART_SCHEME) != "https") return Invalid("The server's URL must begin with https://");
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    if (!UrlPart(url, part).empty()) return Invalid("The server's URL takes a host, a port and a path only");
  }
  const std::string host = UrlPart(url, CURLUPART_HOST);
  const std::string port = UrlPart(url, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
  std::string path = UrlPart(url, CURLUPART_PATH);
  while (!path.empty() && path.back() == '/') path.pop_back();
  return "https://" + LowerCase(host) + (port.empty() ? "" : ":" + port) + path;
}

std::string EscapeSegment(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) || std::string_view("-._~").find(c) != std::string_view::npos)) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace claviger::cli
