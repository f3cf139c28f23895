#pragma once
// Rules for texts that people give to things. JSON strings are well-formed UTF-8.

#include <optional>
#include <string>
#include <string_view>

#include "api/json/json.h"

namespace claviger::api {

inline constexpr size_t kMaxNameChars = 255;  // Unicode code points, at least one
inline constexpr size_t kMaxNameBytes = 4 * kMaxNameChars;
inline constexpr size_t kMaxDescriptionBytes = 1024;

// 1 to 255 characters, no control characters.
std::string ReadName(ObjectReader& reader, std::string_view member);
void ReadOptionalName(ObjectReader& reader, std::string_view member, std::optional<std::string>& out);
// At most 1024 bytes; may hold line breaks and tabs, no other control characters.
void ReadOptionalDescription(ObjectReader& reader, std::string_view member, std::optional<std::string>& out);

// C0, DEL and C1, save those allowed.
bool HasControl(std::string_view text, std::string_view allowed = {});

}  // namespace claviger::api
