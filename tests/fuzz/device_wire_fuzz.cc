// Device logins as JSON, from clients and from servers: what is taken is within the limits and prints back.
#include <nlohmann/json.hpp>

#include "api/device/device_wire.h"
#include "api/device/user_code.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

void CheckCode(std::string_view text) {
  const auto request = DecodeDeviceCode(text);
  if (!request) return;
  Require(!request.value().client_id.empty() && IsPrintable(request.value().client_id) &&
              IsPrintable(request.value().device_name),
          "what people are shown is printable");
  const auto again = DecodeDeviceCode(DumpJson(EncodeDeviceCode(request.value())));
  Require(again && again.value().client_id == request.value().client_id &&
              again.value().device_name == request.value().device_name &&
              again.value().offline == request.value().offline,
          "beginnings print back");
}

void CheckPoll(std::string_view text) {
  const auto request = DecodeDeviceToken(text);
  if (!request) return;
  Require(!request.value().credential.empty() && request.value().credential.size() <= 256,
          "credentials are within the limit");
  const auto again = DecodeDeviceToken(EncodeDeviceToken(request.value()).Text());
  Require(again && again.value().grant == request.value().grant &&
              again.value().credential == request.value().credential,
          "polls print back");
}

void CheckAnswers(const Json& json) {
  if (const auto code = DecodeDeviceCodeAnswer(json)) {
    Require(IsPrintable(code.value().user_code) && IsPrintable(code.value().verification_uri),
            "what is shown at a terminal is printable");
    const auto printed = ParseJson(EncodeDeviceCodeAnswer(code.value()).Text());
    Require(printed && DecodeDeviceCodeAnswer(printed.value()), "codes print back");
  }
  if (const auto answer = DecodeDeviceTokenAnswer(json)) {
    const auto printed = ParseJson(EncodeDeviceTokenAnswer(answer.value()).Text());
    Require(printed && DecodeDeviceTokenAnswer(printed.value()).has_value(), "answers print back");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  CheckCode(text);
  CheckPoll(text);
  if (const auto code = DecodeDeviceDecision(text)) {
    if (const auto normal = NormalizeUserCode(code.value())) {
      Require(NormalizeUserCode(*normal) == normal, "a user code has one form");
    }
  }
  if (const auto json = ParseJson(text)) CheckAnswers(json.value());
  return 0;
}
