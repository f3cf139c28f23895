#pragma once
// Rotations as JSON: what clients get. Shared with the command line.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace claviger::api {

using RotationId = Id<struct RotationTag>;

// pending -> running -> done; running back to pending when its node dies. A person pauses one that is not
// done and resumes it; what cannot go on has failed, and is resumed likewise.
enum class RotationState : uint8_t { kPending, kRunning, kPaused, kFailed, kDone };
const char* Name(RotationState state);
std::optional<RotationState> ParseRotationState(std::string_view name);

struct Rotation {
  RotationId id;
  OrgId org;
  VaultId vault;  // whose key it is
  RotationState state = RotationState::kPending;
  std::string requested_by;             // "user:<uuid>", "schedule" or "root-key"
  std::optional<uint32_t> key_version;  // of the new key, once there is one
  int64_t total = 0;                    // data keys that lay under older keys when it was made
  int64_t resealed = 0;                 // of these and of later ones, those that lie under it
  std::string error;                    // what stopped it and what to do, if it failed
  Time created_at{};
  std::optional<Time> started_at;
  Time updated_at{};
  std::optional<Time> finished_at;
};
Json EncodeRotation(const Rotation& rotation);
Json EncodeRotationList(const std::vector<Rotation>& rotations);
// What a command line must know of one. kInvalid if it is none.
Result<Rotation> DecodeRotation(const Json& json);

}  // namespace claviger::api
