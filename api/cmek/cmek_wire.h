#pragma once
// Customer-managed keys as JSON: what clients send and get. Shared with the command line.

#include <optional>
#include <string>
#include <string_view>

#include "api/json/json.h"
#include "api/rotations/rotations_wire.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "crypto/digest.h"

namespace claviger::api {

// The headers of rotateCmek, each base64 of a key's 32 bytes.
inline constexpr std::string_view kCmekOldKeyHeader = "x-cmek-old-key";
inline constexpr std::string_view kCmekNewKeyHeader = "x-cmek-new-key";

// kInvalid unless the body is an object whose member `fingerprint`, or `new_fingerprint`, is 64 hexadecimal
// digits.
Result<crypto::Digest> DecodeEnableCmek(std::string_view body);
Json EncodeEnableCmek(const crypto::Digest& fingerprint);
Result<crypto::Digest> DecodeRotateCmek(std::string_view body);
Json EncodeRotateCmek(const crypto::Digest& new_fingerprint);

// There is no waiting: published clients take anything but `running` for the end.
enum class CmekRotationStatus : uint8_t { kRunning, kCompleted, kFailed };
const char* Name(CmekRotationStatus status);

// Shipped clients refuse unknown members: nothing may be added to the encoded form.
struct CmekRotation {
  RotationId id;
  OrgId org;
  VaultId vault;
  crypto::Digest from{};
  crypto::Digest to{};
  CmekRotationStatus status = CmekRotationStatus::kRunning;
  int64_t total = 0;      // versions of secrets that were not under the new key when it began
  int64_t processed = 0;  // of these and of later ones
  std::string error;      // what stopped it and what to do, if it failed
  Time created_at{};
  std::optional<Time> completed_at;
};
Json EncodeCmekRotation(const CmekRotation& rotation);
// What a command line must know of one: status, numbers, error. kInvalid if it is none.
Result<CmekRotation> DecodeCmekRotation(const Json& json);

}  // namespace claviger::api
