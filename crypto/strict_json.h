#pragma once
// JSON as this folder reads it: RFC 8259 text in full, small, one value per member name.

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace claviger::crypto {

// nullopt for malformed text, bad UTF-8, a byte order mark, duplicate members, more than 8 levels, trailing
// bytes, or anything but an object.
std::optional<nlohmann::json> ParseStrictObject(std::string_view text);

// The member if it is there and a string; otherwise nullptr.
const std::string* FindString(const nlohmann::json& object, const char* name);

}  // namespace claviger::crypto
