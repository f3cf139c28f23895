#pragma once
// Customers' keys as JSON: what clients send and get. Shared with the command line.

#include <optional>
#include <string>
#include <string_view>

#include "api/json/json.h"
#include "api/rotations/rotations_wire.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace claviger::api {

inline constexpr size_t kMaxTokenLabelBytes = 32;
inline constexpr size_t kMaxKeyLabelBytes = 255;

struct BindCustomerKeyRequest {
  std::string token;  // labels of the token and of the key on it
  std::string key;
};
// kInvalid unless the body is an object with these two, without control characters.
Result<BindCustomerKeyRequest> DecodeBindCustomerKey(std::string_view body);
Json EncodeBindCustomerKey(const BindCustomerKeyRequest& request);

// Binding: what was written before the key came is being sealed under it; releasing: it is being taken off.
enum class CustomerKeyState : uint8_t { kBinding, kBound, kReleasing };
const char* Name(CustomerKeyState state);

struct CustomerKeyStatus {
  VaultId vault;
  std::string token;
  std::string key;
  CustomerKeyState state = CustomerKeyState::kBinding;
  Time bound_at{};
  struct Move {
    RotationId id;
    RotationState state = RotationState::kPending;
  };
  std::optional<Move> rotation;  // that is not done yet
  std::string reason;            // why the vault cannot be used now; empty: it can
};
Json EncodeCustomerKeyStatus(const CustomerKeyStatus& status);

}  // namespace claviger::api
