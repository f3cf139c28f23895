// Shares as JSON, from clients and from servers: what is taken obeys the rules and prints back.
#include <nlohmann/json.hpp>

#include "api/json/text_rules.h"
#include "api/shares/shares_wire.h"
#include "base/network.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

constexpr Time kNow{std::chrono::seconds{1'772'366'400}};

void CheckRequest(std::string_view text) {
  const auto decoded = DecodeCreateShare(text, kNow);
  if (!decoded) return;
  const CreateShareRequest& request = decoded.value();
  const bool by_id = request.recipient == RecipientType::kUser || request.recipient == RecipientType::kAgent;
  Require(request.recipient_id.has_value() == by_id, "an id is there where it is needed");
  Require(request.email.empty() == (request.recipient != RecipientType::kEmail), "so is an address");
  Require(request.expires_at && *request.expires_at > kNow && *request.expires_at <= kNow + kMaxShareLife,
          "the end is near enough");
  Require(request.ip_allowlist.size() <= kMaxAllowedNetworks, "lists are bounded");
  for (const auto& network : request.ip_allowlist)
    Require(ParseNetwork(network).has_value(), "networks are networks");
  Require(request.passphrase.size() <= kMaxPassphraseBytes && !HasControl(request.passphrase.Text()),
          "a passphrase fits into a header");
  const SecretBytes printed = EncodeCreateShare(request);
  const auto again = DecodeCreateShare(printed.Text(), kNow);
  Require(again && EncodeCreateShare(again.value()) == printed, "requests print back");
}

void CheckAnswer(std::string_view text) {
  const auto secret = DecodeSharedSecret(text);
  if (!secret) return;
  const std::string printed = EncodeSharedSecret(secret.value());
  const auto again = DecodeSharedSecret(printed);
  Require(again && EncodeSharedSecret(again.value()) == printed, "answers print back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckRequest(fuzz::Text(data, size));
  CheckAnswer(fuzz::Text(data, size));
  return 0;
}
