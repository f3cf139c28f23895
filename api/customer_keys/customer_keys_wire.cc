#include "api/customer_keys/customer_keys_wire.h"

#include <array>
#include <nlohmann/json.hpp>

#include "api/json/text_rules.h"

namespace claviger::api {
namespace {

constexpr std::array kStateNames{"binding", "bound", "releasing"};

std::string ReadLabel(ObjectReader& reader, const char* member, size_t max_bytes) {
  std::string label = reader.String(member, 1, max_bytes);
  if (HasControl(label)) reader.Refuse(member, "must not hold control characters");
  return label;
}

}  // namespace

Result<BindCustomerKeyRequest> DecodeBindCustomerKey(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  BindCustomerKeyRequest request;
  request.token = ReadLabel(reader, "token", kMaxTokenLabelBytes);
  request.key = ReadLabel(reader, "key", kMaxKeyLabelBytes);
  TRYV(reader.Finish());
  return request;
}

Json EncodeBindCustomerKey(const BindCustomerKeyRequest& request) {
  return {{"token", request.token}, {"key", request.key}};
}

const char* Name(CustomerKeyState state) { return kStateNames[static_cast<size_t>(state)]; }

Json EncodeCustomerKeyStatus(const CustomerKeyStatus& status) {
  Json json = {{"vault_id", status.vault.ToString()},
               {"token", status.token},
               {"key", status.key},
               {"state", Name(status.state)},
               {"usable", status.reason.empty()},
               {"bound_at", FormatTime(status.bound_at)}};
  if (!status.reason.empty()) json["reason"] = status.reason;
  if (status.rotation) {
    json["rotation_id"] = status.rotation->id.ToString();
    json["rotation_state"] = Name(status.rotation->state);
  }
  return json;
}

}  // namespace claviger::api
