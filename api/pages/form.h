#pragma once
// What a browser sends of a form: application/x-www-form-urlencoded (WHATWG URL, section 5), read strictly.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/message.h"
#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::api::pages {

inline constexpr size_t kMaxFormBytes = 8 * 1024;
inline constexpr size_t kMaxFields = 16;
inline constexpr size_t kMaxFieldBytes = 2048;  // of a value, decoded

// The text without spaces around it.
std::string_view TrimSpaces(std::string_view text);

class Form {
 public:
  // kInvalid if the body is of another type, and as ParseBody.
  static Result<Form> Parse(const http::Request& request);
  // kInvalid, never quoting the input, for: more than kMaxFormBytes or kMaxFields, names other than
  // [a-z_]{1,32}, a name twice, longer values, bad escapes, malformed UTF-8, control characters: no field of
  // ours has lines.
  static Result<Form> ParseBody(std::string_view body);

  // "" if the form has no such field: an input left empty is sent as that, too.
  std::string_view Text(std::string_view name) const;
  const std::vector<std::pair<std::string, SecretBytes>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, SecretBytes>> fields_;  // wiped: some hold passwords
};

}  // namespace claviger::api::pages
