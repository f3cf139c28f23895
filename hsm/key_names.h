#pragma once
// Labels of the installation's token keys: role and version, "claviger-token-v2". The label is also CKA_ID
// and, for signing keys, the published `kid`.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claviger::hsm {

inline constexpr std::string_view kRootRole = "claviger-root";
inline constexpr std::string_view kTokenRole = "claviger-token";
inline constexpr std::string_view kAuditRole = "claviger-audit";
inline constexpr std::string_view kTlsRole = "claviger-tls";
inline constexpr std::string_view kLookupRole = "claviger-lookup";

std::string KeyLabel(std::string_view role, uint32_t version);
// The version if `label` is of that role: 1 to 9 digits, no leading zero.
std::optional<uint32_t> KeyVersion(std::string_view role, std::string_view label);

}  // namespace claviger::hsm
