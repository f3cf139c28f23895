#pragma once
// Strict, bounded JSON. Shared by the daemon and the command line.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace claviger::api {

using Json = nlohmann::json;

struct JsonLimits {
  size_t max_depth = 16;
  size_t max_members = 1000;  // objects and arrays, each
};

// RFC 8259 text in full: refuses duplicate members, bad UTF-8, too deep or too many, NaN, integers beyond 64
// bits, a byte order mark, trailing bytes other than white space. kInvalid with a detail that never quotes
// the input.
Result<Json> ParseJson(std::string_view text, const JsonLimits& limits = {});
// As ParseJson, but the empty text counts as `{}`, and anything but an object is refused.
Result<Json> ParseJsonObject(std::string_view text, const JsonLimits& limits = {});

// Serialises without escaping non-ASCII; strings must be UTF-8 (invalid bytes are replaced).
std::string DumpJson(const Json& json);

// Overwrites every string value: for documents that carried a password or a secret.
void WipeStrings(Json& json);

// Reads one request object field by field. Errors gather; Finish() reports them together: kInvalid whose
// detail names the first field. Unknown members are ignored (shipped clients send some).
class ObjectReader {
 public:
  explicit ObjectReader(const Json& object) : object_(object) {}

  // Lengths are in bytes. Absent or null: error if required, else the fallback stays. Strings with a NUL
  // character are refused (PostgreSQL cannot keep them), except by RawString, which is for sealed values.
  std::string String(std::string_view name, size_t min_bytes, size_t max_bytes);
  std::string RawString(std::string_view name, size_t min_bytes, size_t max_bytes);
  void OptionalString(std::string_view name, size_t min_bytes, size_t max_bytes,
                      std::optional<std::string>& out);
  void OptionalBool(std::string_view name, std::optional<bool>& out);
  void OptionalInt(std::string_view name, int64_t min, int64_t max, std::optional<int64_t>& out);
  void OptionalTime(std::string_view name, std::optional<Time>& out);
  // A JSON object member, dumped back to text of at most max_bytes.
  void OptionalObject(std::string_view name, size_t max_bytes, std::optional<std::string>& out);
  // An array of at most `max_items` strings of at least one and at most `max_bytes` bytes.
  void OptionalStrings(std::string_view name, size_t max_items, size_t max_bytes,
                       std::optional<std::vector<std::string>>& out);
  bool Has(std::string_view name) const;
  // Present and null.
  bool IsNull(std::string_view name) const;

  void Refuse(std::string_view name, std::string_view rule);
  Status Finish() const;

 private:
  const Json* Find(std::string_view name) const;
  const std::string* Text(std::string_view name, size_t min_bytes, size_t max_bytes);
  const Json& object_;
  std::vector<std::string> problems_;
};

}  // namespace claviger::api
