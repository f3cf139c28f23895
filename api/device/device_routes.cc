#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/device/device.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

constexpr size_t kMaxUserAgentBytes = 256;

Response Answer(const SecretBytes& json) { return Response::Json(200, std::string(json.Text())); }

// People are shown it: nothing but printable ASCII, or it could pass for something else.
std::string UserAgentOf(const http::Request& request) {
  std::string text(request.Header("user-agent").value_or("").substr(0, kMaxUserAgentBytes));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c >= 0x7F; }, '?');
  return text;
}

// Where no place is configured, the page of the server that the device itself spoke to. Only that device
// reads it.
std::string PageOf(const std::string& public_url, const http::Request& request) {
  if (!public_url.empty()) return public_url + "/device";
  return "https://" + std::string(request.Header("host").value_or("localhost")) + "/device";
}

Time ReceivedAt(const Context& context, const Clock& clock) {
  const auto age = clock.Steady() - context.request.received_at;
  return clock.Now() - std::chrono::ceil<std::chrono::microseconds>(age);
}

Result<Response> StartLogin(Device& device, const std::string& public_url, Context& context) {
  TRY(const auto request, DecodeDeviceCode(context.request.body));
  const Device::Origin origin{context.request.client.text, UserAgentOf(context.request),
                              PageOf(public_url, context.request)};
  TRY(const auto code, device.Start(request, origin, context.audit));
  return Answer(EncodeDeviceCodeAnswer(code));
}

Result<Response> GiveToken(Device& device, Refresh& refresh, Context& context) {
  TRY(const auto request, DecodeDeviceToken(context.request.body));
  auto answer = request.grant == DeviceTokenRequest::Grant::kDeviceCode
                    ? device.Poll(request.credential, context.audit)
                    : refresh.Exchange(request.credential, context.audit);
  TRYV(answer);
  return Answer(EncodeDeviceTokenAnswer(answer.value()));
}

Result<Response> ReadStatus(Device& device, Context& context) {
  const Device::TypedCode code{context.params.find("user_code")->second, context.request.client.Group()};
  TRY(const auto status, device.StatusOf(code, context.audit));
  return Response::Json(200, DumpJson(EncodeDeviceStatus(status)));
}

Result<Response> Decide(Device& device, const Clock& clock, Context& context, DeviceState state) {
  TRY(const auto code, DecodeDeviceDecision(context.request.body));
  TRYV(device.Decide(context.principal, {code, context.request.client.Group()}, {state, nullptr},
                     ReceivedAt(context, clock), context.audit));
  return Response::Json(200, DumpJson({{"status", Name(state)}}));
}

}  // namespace

std::vector<Route> DeviceRoutes(Device& device, Refresh& refresh, std::string public_url,
                                const Clock& clock) {
  const auto decide = [&device, &clock](DeviceState state) {
    return [&device, &clock, state](Context& context) { return Decide(device, clock, context, state); };
  };
  return {
      {.method = Method::kPost,
       .pattern = "/v1/auth/device/code",
       .operation_id = "deviceCode",
       .auth = AuthKind::kNone,
       .action = "device.request",
       .handler = [&device, url = std::move(public_url)](
                      Context& context) { return StartLogin(device, url, context); }},
      // As with a login: a failure until it has succeeded.
      {.method = Method::kPost,
       .pattern = "/v1/auth/device/token",
       .operation_id = "deviceToken",
       .auth = AuthKind::kNone,
       .action = "auth.failure",
       .handler = [&device, &refresh](Context& context) { return GiveToken(device, refresh, context); }},
      {.method = Method::kGet,
       .pattern = "/v1/auth/device/code/{user_code}",
       .operation_id = "deviceCodeStatus",
       .auth = AuthKind::kNone,
       .action = "device.read",
       .handler = [&device](Context& context) { return ReadStatus(device, context); }},
      {.method = Method::kPost,
       .pattern = "/v1/auth/device/approve",
       .operation_id = "deviceApprove",
       .auth = AuthKind::kUser,
       .action = "device.approve",
       .handler = decide(DeviceState::kApproved),
       .for_auditors = true},
      {.method = Method::kPost,
       .pattern = "/v1/auth/device/deny",
       .operation_id = "deviceDeny",
       .auth = AuthKind::kUser,
       .action = "device.deny",
       .handler = decide(DeviceState::kDenied),
       .for_auditors = true},
  };
}

}  // namespace claviger::api
