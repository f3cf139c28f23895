// The second factor as JSON, from clients and from servers: what is taken is text within the limits and
// prints back.
#include <nlohmann/json.hpp>

#include "api/mfa/mfa_wire.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

void RequireText(const SecretBytes& text, size_t max_bytes) {
  Require(!text.empty() && text.size() <= max_bytes && IsUtf8(text.Text()),
          "secrets are text within the limit");
}

void CheckVerify(std::string_view text) {
  const auto request = DecodeMfaVerify(text);
  if (!request) return;
  RequireText(request.value().mfa_token, 256);
  RequireText(request.value().code, 64);
  const auto again = DecodeMfaVerify(EncodeMfaVerify(request.value()).Text());
  Require(again && again.value().mfa_token == request.value().mfa_token &&
              again.value().code == request.value().code,
          "requests print back");
  const auto setup = DecodeMfaVerifySetup(text);
  Require(setup && setup.value() == request.value().code, "a code is a code");
}

void CheckDisable(std::string_view text) {
  const auto request = DecodeMfaDisable(text);
  if (!request) return;
  Require(request.value().code || request.value().password, "there is a proof");
  if (request.value().code) RequireText(*request.value().code, 64);
  if (request.value().password) RequireText(*request.value().password, 1024);
  const auto again = DecodeMfaDisable(EncodeMfaDisable(request.value()).Text());
  Require(again && again.value().code == request.value().code &&
              again.value().password == request.value().password,
          "requests print back");
}

void CheckChallenge(const Json& json) {
  const auto challenge = DecodeMfaChallenge(json);
  if (!challenge) return;
  RequireText(challenge->token, 256);
  const auto printed = ParseJson(EncodeMfaChallenge(*challenge).Text());
  Require(printed && DecodeMfaChallenge(printed.value())->token == challenge->token, "challenges print back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  CheckVerify(text);
  CheckDisable(text);
  if (const auto json = ParseJson(text)) CheckChallenge(json.value());
  return 0;
}
