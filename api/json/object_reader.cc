#include <limits>
#include <nlohmann/json.hpp>

#include "api/json/json.h"

namespace claviger::api {

const Json* ObjectReader::Find(std::string_view name) const {
  const auto member = object_.find(name);
  return member == object_.end() || member->is_null() ? nullptr : &*member;
}

bool ObjectReader::Has(std::string_view name) const { return Find(name) != nullptr; }

bool ObjectReader::IsNull(std::string_view name) const {
  const auto member = object_.find(name);
  return member != object_.end() && member->is_null();
}

void ObjectReader::Refuse(std::string_view name, std::string_view rule) {
  problems_.push_back("Field '" + std::string(name) + "' " + std::string(rule));
}

const std::string* ObjectReader::Text(std::string_view name, size_t min_bytes, size_t max_bytes) {
  const Json* member = Find(name);
  if (member == nullptr) return nullptr;
  if (!member->is_string()) {
    Refuse(name, "must be a string");
    return nullptr;
  }
  const auto& text = member->get_ref<const std::string&>();
  if (text.size() < min_bytes || text.size() > max_bytes) {
    Refuse(name, "must be " + std::to_string(min_bytes) + " to " + std::to_string(max_bytes) + " bytes long");
    return nullptr;
  }
  return &text;
}

std::string ObjectReader::RawString(std::string_view name, size_t min_bytes, size_t max_bytes) {
  if (!Has(name)) {
    Refuse(name, "is required");
    return {};
  }
  const std::string* text = Text(name, min_bytes, max_bytes);
  return text != nullptr ? *text : std::string();
}

std::string ObjectReader::String(std::string_view name, size_t min_bytes, size_t max_bytes) {
  if (!Has(name)) Refuse(name, "is required");
  std::optional<std::string> text;
  OptionalString(name, min_bytes, max_bytes, text);
  return std::move(text).value_or(std::string());
}

void ObjectReader::OptionalString(std::string_view name, size_t min_bytes, size_t max_bytes,
                                  std::optional<std::string>& out) {
  const std::string* text = Text(name, min_bytes, max_bytes);
  if (text == nullptr) return;
  if (text->find('\0') != std::string::npos) {
    Refuse(name, "must not contain the NUL character");
    return;
  }
  out = *text;
}

void ObjectReader::OptionalBool(std::string_view name, std::optional<bool>& out) {
  const Json* member = Find(name);
  if (member == nullptr) return;
  if (!member->is_boolean()) return Refuse(name, "must be true or false");
  out = member->get<bool>();
}

void ObjectReader::OptionalInt(std::string_view name, int64_t min, int64_t max, std::optional<int64_t>& out) {
  const Json* member = Find(name);
  if (member == nullptr) return;
  if (!member->is_number_integer()) return Refuse(name, "must be an integer");
  const bool fits = !member->is_number_unsigned() ||
                    member->get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()};
  const int64_t number = fits ? member->get<int64_t>() : 0;
  if (!fits || number < min || number > max) {
    return Refuse(name, "must be from " + std::to_string(min) + " to " + std::to_string(max));
  }
  out = number;
}

void ObjectReader::OptionalTime(std::string_view name, std::optional<Time>& out) {
  const Json* member = Find(name);
  if (member == nullptr) return;
  const auto time =
      member->is_string() ? ParseTime(member->get_ref<const std::string&>()) : std::optional<Time>();
  if (!time) return Refuse(name, "must be a time such as 2026-02-27T12:00:00Z");
  out = *time;
}

void ObjectReader::OptionalObject(std::string_view name, size_t max_bytes, std::optional<std::string>& out) {
  const Json* member = Find(name);
  if (member == nullptr) return;
  if (!member->is_object()) return Refuse(name, "must be an object");
  std::string text = DumpJson(*member);
  if (text.size() > max_bytes) {
    return Refuse(name, "must be at most " + std::to_string(max_bytes) + " bytes long");
  }
  out = std::move(text);
}

void ObjectReader::OptionalStrings(std::string_view name, size_t max_items, size_t max_bytes,
                                   std::optional<std::vector<std::string>>& out) {
  const Json* member = Find(name);
  if (member == nullptr) return;
  if (!member->is_array() || member->size() > max_items) {
    return Refuse(name, "must be an array of at most " + std::to_string(max_items) + " strings");
  }
  std::vector<std::string> strings;
  for (const Json& item : *member) {
    const std::string text = item.is_string() ? item.get<std::string>() : std::string();
    if (text.empty() || text.size() > max_bytes || text.find('\0') != std::string::npos) {
      return Refuse(name, "must hold strings of 1 to " + std::to_string(max_bytes) + " bytes without NUL");
    }
    strings.push_back(text);
  }
  out = std::move(strings);
}

Status ObjectReader::Finish() const {
  if (problems_.empty()) return Ok();
  return Invalid(problems_.front());
}

}  // namespace claviger::api
