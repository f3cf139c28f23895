#include "api/mail/smtp.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace claviger::api {
namespace {

struct CurlFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
template <class T>
using CurlPtr = std::unique_ptr<T, CurlFree>;

// A message while it is read by libcurl, which doubles leading dots.
struct Upload {
  ByteView rest;
  bool begun = false;
};

size_t OnRead(char* out, size_t, size_t size, void* user) {
  auto& upload = *static_cast<Upload*>(user);
  upload.begun = true;
  const size_t count = std::min(size, upload.rest.size());
  std::memcpy(out, upload.rest.data(), count);
  upload.rest = upload.rest.subspan(count);
  return count;
}

// libcurl asks about once a second, and more often while something moves.
int OnProgress(void* aborted, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<std::atomic<bool>*>(aborted)->load() ? 1 : 0;
}

// RFC 5321 section 4.2.1: 5yz will not change by itself. Unless it speaks of us (RFC 4954 section 6): an
// operator will mend that. A greeting or a HELO that is refused is the server's state, not the mail's.
bool IsForGood(CURLcode result, long code, bool upload_begun) {
  if (code < 500 || code > 599) return false;
  if (code == 530 || code == 534 || code == 535 || code == 538) return false;
  return result == CURLE_SEND_ERROR || upload_begun;
}

std::string Url(const SmtpConfig& config) {
  const bool bare_ipv6 = config.server.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}/{}", config.security == MailSecurity::kTls ? "smtps" : "smtp",
                     bare_ipv6 ? "[" : "", config.server, bare_ipv6 ? "]" : "", config.port,
                     config.ehlo_name);
}

// CURLOPT_TIMEOUT_MS does not bound the wait for the answer to QUIT; this does.
long FarewellSeconds(std::chrono::milliseconds timeout) {
  return std::max<long>(1, std::chrono::ceil<std::chrono::seconds>(timeout).count());
}

}  // namespace

struct Smtp::State {
  SmtpConfig config;
  std::string envelope_from;
  std::atomic<bool> aborted{false};
  CurlPtr<CURL> curl;

  // Options of every mail; false if this libcurl lacks one.
  bool Configure(const SecretBytes& password);
};

bool Smtp::State::Configure(const SecretBytes& password) {
  CURL* handle = curl.get();
  const auto set = [handle](CURLoption option, auto value) {
    return curl_easy_setopt(handle, option, value) == CURLE_OK;
  };
  bool all = set(CURLOPT_URL, Url(config).c_str()) && set(CURLOPT_PROTOCOLS_STR, "smtp,smtps") &&
             set(CURLOPT_PROXY, "") && set(CURLOPT_NOSIGNAL, 1L) && set(CURLOPT_UPLOAD, 1L) &&
             set(CURLOPT_READFUNCTION, OnRead) && set(CURLOPT_NOPROGRESS, 0L) &&
             set(CURLOPT_XFERINFOFUNCTION, OnProgress) && set(CURLOPT_XFERINFODATA, &aborted) &&
             set(CURLOPT_MAIL_FROM, envelope_from.c_str()) &&
             set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)) &&
             set(CURLOPT_TIMEOUT_MS, static_cast<long>(config.timeout.count())) &&
             set(CURLOPT_SERVER_RESPONSE_TIMEOUT, FarewellSeconds(config.timeout)) &&
             set(CURLOPT_FORBID_REUSE, 1L) &&
             set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config.timeout.count()));
  // Either way anything less than TLS with a trusted certificate of that name is an error.
  if (config.security != MailSecurity::kNone)
    all = all && set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  if (!config.ca_file.empty()) {
    // Without the second the system's directory of authorities would still be trusted beside the named file.
    all = all && set(CURLOPT_CAINFO, config.ca_file.c_str()) && set(CURLOPT_CAPATH, nullptr);
  }
  if (!config.user.empty()) {
    std::string text(password.Text());
    all = all && set(CURLOPT_USERNAME, config.user.c_str()) && set(CURLOPT_PASSWORD, text.c_str());
    Wipe(text.data(), text.size());
  }
  return all;
}

Smtp::Smtp(std::unique_ptr<State> state) : state_(std::move(state)) {}
Smtp::~Smtp() = default;

Result<std::unique_ptr<Smtp>> Smtp::Create(SmtpConfig config, SecretBytes password) {
  auto state = std::make_unique<State>();
  state->envelope_from = "<" + config.from + ">";
  state->config = std::move(config);
  state->curl.reset(curl_easy_init());
  if (state->curl == nullptr || !state->Configure(password)) return Unavailable("libcurl cannot send mail");
  return std::unique_ptr<Smtp>(new Smtp(std::move(state)));
}

void Smtp::Abort() { state_->aborted = true; }

Delivery Smtp::Deliver(const std::string& recipient, const SecretBytes& message) {
  CURL* handle = state_->curl.get();
  const CurlPtr<curl_slist> recipients(curl_slist_append(nullptr, ("<" + recipient + ">").c_str()));
  Upload upload{message.View()};
  if (recipients == nullptr || curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, recipients.get()) != CURLE_OK ||
      curl_easy_setopt(handle, CURLOPT_READDATA, &upload) != CURLE_OK) {
    return {Delivery::Kind::kFailed, "libcurl: out of memory"};
  }
  const CURLcode result = curl_easy_perform(handle);
  long code = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
  curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, nullptr);
  if (result == CURLE_OK) return {Delivery::Kind::kAccepted, ""};
  // The server's own words may quote what it was sent; its number says enough.
  const std::string why = fmt::format("{} (SMTP {})", curl_easy_strerror(result), code);
  return {IsForGood(result, code, upload.begun) ? Delivery::Kind::kRefused : Delivery::Kind::kFailed, why};
}

}  // namespace claviger::api
