#include "cli/device_login.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <thread>

#include "base/clock.h"
#include "cli/output.h"
#include "cli/qr_code.h"
#include "cli/terminal.h"

namespace claviger::cli {
namespace {

using std::chrono::seconds;

constexpr char kClientId[] = "claviger";
constexpr size_t kMaxNameBytes = 64;
constexpr seconds kSlowDown{5};   // RFC 8628 section 3.5
constexpr seconds kMaxPause{60};  // between two tries to reach the server

// The name of this machine as far as the server takes it, for the person who is to know it again.
std::string DeviceName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "";
  std::string text(name.data());
  text.resize(std::min(text.size(), kMaxNameBytes));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c >= 0x7F; }, '?');
  return text;
}

void Show(const api::DeviceCode& code, const Context::Server& server, const DeviceLoginOptions& options,
          bool for_people) {
  const std::string link = code.verification_uri + "?code=" + code.user_code;
  Notice("To log in at " + server.url + ", open this page in a browser and sign in:");
  Notice("    " + code.verification_uri);
  Notice("There enter this code:");
  Notice("    " + code.user_code);
  if (for_people && !options.no_qr && IsTerminal(STDERR_FILENO)) {
    if (const auto drawing = DrawQrCode(link)) std::fprintf(stderr, "%s\n", drawing.value().c_str());
  }
  Notice("The page with the code filled in: " + link);
  Notice("Waiting for you to approve; the code is good for " + std::to_string(code.expires_in / 60) +
         " minutes. Ctrl-C gives up.");
}

Error Expired() {
  return MakeError(ErrorKind::kUnauthenticated, "The code has expired; run 'claviger login' again");
}

// What a poll brought; nullopt: go on.
Result<std::optional<api::DeviceGrant>> Take(api::DeviceTokenAnswer answer, seconds& interval) {
  if (auto* grant = std::get_if<api::DeviceGrant>(&answer)) {
    return std::optional<api::DeviceGrant>(std::move(*grant));
  }
  switch (std::get<api::DeviceError>(answer)) {
    case api::DeviceError::kPending:
      break;
    case api::DeviceError::kSlowDown:
      interval += kSlowDown;
      break;
    case api::DeviceError::kDenied:
      return Forbidden("The login was denied");
    case api::DeviceError::kExpired:
    case api::DeviceError::kInvalidGrant:
      return Expired();
  }
  return std::optional<api::DeviceGrant>();
}

Result<api::DeviceTokenAnswer> Poll(ApiClient& api, const SecretBytes& request) {
  TRY(Json json, api.PostText("/v1/auth/device/token", request.Text()));
  auto answer = api::DecodeDeviceTokenAnswer(json);
  api::WipeStrings(json);
  return answer;
}

Result<api::DeviceGrant> Await(ApiClient& api, const api::DeviceCode& code) {
  const SystemClock clock;
  const SteadyTime end = clock.Steady() + seconds(code.expires_in);
  const SecretBytes request =
      api::EncodeDeviceToken({api::DeviceTokenRequest::Grant::kDeviceCode, code.device_code.Clone()});
  seconds interval{std::max<int64_t>(code.interval, 1)};
  seconds pause = interval;
  bool unreachable = false;
  while (clock.Steady() + pause < end) {
    std::this_thread::sleep_for(pause);
    auto answer = Poll(api, request);
    if (!answer && answer.error().kind != ErrorKind::kUnavailable) return std::move(answer).as_failure();
    if (!answer) {
      if (!unreachable) Notice("The server cannot be reached; trying on");
      unreachable = true;
      pause = std::min(2 * pause, std::max(interval, kMaxPause));
      continue;
    }
    unreachable = false;
    TRY(auto grant, Take(std::move(answer).value(), interval));
    if (grant) return *std::move(grant);
    pause = interval;
  }
  return Expired();
}

}  // namespace

Result<api::DeviceGrant> LogInByDevice(const Context& context, const Context::Server& server,
                                       const DeviceLoginOptions& options) {
  TRY(ApiClient api, context.Connect(server, {}));
  TRY(Json json, api.Post("/v1/auth/device/code", api::EncodeDeviceCode({kClientId, DeviceName(), true})));
  const auto code = api::DecodeDeviceCodeAnswer(json);
  api::WipeStrings(json);
  TRYV(code);
  Show(code.value(), server, options, !context.json());
  return Await(api, code.value());
}

}  // namespace claviger::cli
