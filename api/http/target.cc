#include "api/http/target.h"

#include <algorithm>

#include "base/bytes.h"

namespace claviger::api::http {
namespace {

bool IsAlphaNumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 3986 pchar without pct-encoded.
bool IsPathChar(char c) {
  return IsAlphaNumeric(c) || std::string_view("-._~!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

// '[' and ']' are not legal in a query, but common libraries send them bare.
bool IsQueryChar(char c) { return IsPathChar(c) || c == '/' || c == '?' || c == '[' || c == ']'; }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

Result<std::string> Decode(std::string_view raw, bool (*allowed)(char), bool plus_is_space) {
  std::string out;
  out.reserve(raw.size());
  for (size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      const int high = i + 2 < raw.size() ? HexValue(raw[i + 1]) : -1;
      const int low = high >= 0 ? HexValue(raw[i + 2]) : -1;
      if (low < 0) return Invalid("The request target has a malformed percent escape");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (!allowed(c)) {
      return Invalid("The request target has a character that must be percent-encoded");
    } else if (plus_is_space && c == '+') {
      c = ' ';
    }
    if (IsControl(c)) return Invalid("The request target has a control character");
    out.push_back(c);
  }
  if (!IsUtf8(out)) return Invalid("The request target is not UTF-8");
  return out;
}

// Calls `take` with each part between separators; stops at the first failure.
template <class Take>
Status ForEachPart(std::string_view text, char separator, Take take) {
  for (;;) {
    const size_t end = text.find(separator);
    TRYV(take(text.substr(0, end)));
    if (end == std::string_view::npos) return Ok();
    text.remove_prefix(end + 1);
  }
}

Status CheckPart(std::string_view part) {
  if (part.empty()) return Invalid("The path has an empty segment");
  if (part == "." || part == "..") return Invalid("The path has a dot segment");
  return Ok();
}

Status AddSegment(std::string_view raw, Target& target) {
  TRY(std::string segment, Decode(raw, IsPathChar, false));
  if (segment.size() > kMaxSegmentBytes) return Invalid("The path has an overlong segment");
  TRYV(ForEachPart(segment, '/', CheckPart));
  target.segments.push_back(std::move(segment));
  return Ok();
}

Status AddPair(std::string_view raw, Target& target) {
  if (target.query.size() == kMaxQueryPairs) return Invalid("The query has too many parameters");
  const size_t equals = raw.find('=');
  TRY(std::string name, Decode(raw.substr(0, equals), IsQueryChar, true));
  if (name.empty()) return Invalid("The query has a parameter without a name");
  std::string value;
  if (equals != std::string_view::npos) {
    TRY(value, Decode(raw.substr(equals + 1), IsQueryChar, true));
  }
  const auto same = [&](const auto& pair) { return pair.first == name; };
  if (std::any_of(target.query.begin(), target.query.end(), same)) {
    return Invalid("The query has a parameter twice");
  }
  target.query.emplace_back(std::move(name), std::move(value));
  return Ok();
}

}  // namespace

Result<Target> ParseTarget(std::string_view raw) {
  if (raw.empty() || raw.front() != '/') return Invalid("The request target must start with a slash");
  const size_t mark = raw.find('?');
  const std::string_view path = raw.substr(1, mark == std::string_view::npos ? mark : mark - 1);
  Target target;
  if (!path.empty()) {
    TRYV(ForEachPart(path, '/', [&](std::string_view part) { return AddSegment(part, target); }));
  }
  if (mark != std::string_view::npos && mark + 1 < raw.size()) {
    TRYV(
        ForEachPart(raw.substr(mark + 1), '&', [&](std::string_view part) { return AddPair(part, target); }));
  }
  return target;
}

}  // namespace claviger::api::http
