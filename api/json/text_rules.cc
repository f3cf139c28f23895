#include "api/json/text_rules.h"

#include <algorithm>

namespace claviger::api {
namespace {

// Every byte but a continuation byte begins a character.
size_t CountChars(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

void CheckName(ObjectReader& reader, std::string_view member, const std::string& name) {
  if (CountChars(name) > kMaxNameChars) reader.Refuse(member, "must have at most 255 characters");
  if (HasControl(name)) reader.Refuse(member, "must not contain control characters");
}

}  // namespace

// They forge lines in logs and terminals, and PostgreSQL cannot store NUL. C1 is C2 80 to C2 9F in UTF-8.
bool HasControl(std::string_view text, std::string_view allowed) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7F) {
      if (allowed.find(text[i]) == allowed.npos) return true;
    }
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

std::string ReadName(ObjectReader& reader, std::string_view member) {
  std::string name = reader.String(member, 1, kMaxNameBytes);
  CheckName(reader, member, name);
  return name;
}

void ReadOptionalName(ObjectReader& reader, std::string_view member, std::optional<std::string>& out) {
  reader.OptionalString(member, 1, kMaxNameBytes, out);
  if (out) CheckName(reader, member, *out);
}

void ReadOptionalDescription(ObjectReader& reader, std::string_view member, std::optional<std::string>& out) {
  reader.OptionalString(member, 0, kMaxDescriptionBytes, out);
  if (out && HasControl(*out, "\t\r\n")) reader.Refuse(member, "must not contain control characters");
}

}  // namespace claviger::api
