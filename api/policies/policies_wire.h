#pragma once
// Policies as JSON: what clients send and get. Shared with the command line.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/permission.h"
#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "crypto/jws.h"

namespace claviger::api {

using PolicyId = Id<struct PolicyTag>;

inline constexpr size_t kMaxConditionsBytes = 4096;

// What may change in the life of a policy.
struct PolicyTerms {
  Permissions permissions;
  std::string conditions = "{}";  // text of a JSON object, members in order (api/access/conditions.h)
  std::optional<Time> expires_at;
};

struct CreatePolicyRequest {
  std::string pattern;  // api/access/path_pattern.h
  crypto::PrincipalType principal_type = crypto::PrincipalType::kUser;
  Uuid principal{};
  PolicyTerms terms;
};
// kInvalid unless pattern, principal and permissions are there and well-formed, and `expires_at` lies after
// `now`. Of the conditions only the form is looked at: an object of bounded length.
Result<CreatePolicyRequest> DecodeCreatePolicy(std::string_view body, Time now);
Json EncodeCreatePolicy(const CreatePolicyRequest& request);

// What is absent stays; null clears expires_at.
Status ApplyUpdatePolicy(std::string_view body, Time now, PolicyTerms& terms);

// Shipped clients refuse unknown members: nothing may be added to the encoded form.
struct Policy {
  PolicyId id;
  VaultId vault;
  std::string pattern;
  crypto::PrincipalType principal_type = crypto::PrincipalType::kUser;
  Uuid principal{};
  PolicyTerms terms;
  crypto::PrincipalType created_by_type = crypto::PrincipalType::kUser;
  Uuid created_by{};
  Time created_at{};
};
// kIntegrity if the stored conditions are not a JSON object.
Result<Json> EncodePolicy(const Policy& policy);
Result<Json> EncodePolicyList(const std::vector<Policy>& policies);

// "read", "write", "delete", in this order.
std::vector<std::string> NamesOf(const Permissions& permissions);

}  // namespace claviger::api
