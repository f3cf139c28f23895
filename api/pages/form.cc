#include "api/pages/form.h"

#include <algorithm>

#include "base/bytes.h"

namespace claviger::api::pages {
namespace {

constexpr std::string_view kType = "application/x-www-form-urlencoded";
constexpr size_t kMaxNameBytes = 32;

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<SecretBytes> Decode(std::string_view raw) {
  SecretBytes out(raw.size());
  size_t size = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    auto byte = static_cast<uint8_t>(raw[i]);
    if (raw[i] == '+') byte = ' ';
    if (raw[i] == '%') {
      const int high = i + 2 < raw.size() ? HexValue(raw[i + 1]) : -1;
      const int low = high >= 0 ? HexValue(raw[i + 2]) : -1;
      if (low < 0) return Invalid("The form has a malformed percent escape");
      byte = static_cast<uint8_t>(high * 16 + low);
      i += 2;
    }
    if (byte < 0x20 || byte == 0x7F) return Invalid("The form has a control character");
    out.data()[size++] = byte;
  }
  if (size > kMaxFieldBytes) return Invalid("The form has an overlong field");
  out.Truncate(size);
  if (!IsUtf8(out.Text())) return Invalid("The form is not UTF-8");
  return out;
}

// With or without a parameter: browsers may name the character set.
bool IsForm(std::string_view type) {
  const std::string_view essence = type.substr(0, type.find(';'));
  return essence == kType;
}

}  // namespace

std::string_view TrimSpaces(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Result<Form> Form::Parse(const http::Request& request) {
  if (!IsForm(request.Header("content-type").value_or(""))) return Invalid("The request is not a form");
  return ParseBody(request.body);
}

Result<Form> Form::ParseBody(std::string_view body) {
  if (body.size() > kMaxFormBytes) return Invalid("The form is too large");
  Form form;
  while (!body.empty()) {
    const std::string_view pair = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(body.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    if (equals == std::string_view::npos || !IsName(name)) return Invalid("The form has a malformed field");
    const auto same = [&](const auto& field) { return field.first == name; };
    if (std::any_of(form.fields_.begin(), form.fields_.end(), same)) {
      return Invalid("The form has a field twice");
    }
    if (form.fields_.size() == kMaxFields) return Invalid("The form has too many fields");
    TRY(SecretBytes value, Decode(pair.substr(equals + 1)));
    form.fields_.emplace_back(std::string(name), std::move(value));
  }
  return form;
}

std::string_view Form::Text(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (key == name) return value.Text();
  }
  return {};
}

}  // namespace claviger::api::pages
