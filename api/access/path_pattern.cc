#include "api/access/path_pattern.h"

#include <algorithm>

namespace claviger::api {

bool IsPathScope(std::string_view scope) {
  return std::all_of(scope.begin(), scope.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '/' || c == '*';
  });
}

bool IsPathPattern(std::string_view text) {
  if (text.size() > kMaxPatternBytes || !IsPathScope(text)) return false;
  const auto segments = SplitPath(text);
  return segments.size() <= kMaxPatternSegments &&
         std::all_of(segments.begin(), segments.end(), [](std::string_view segment) {
           return !segment.empty() && (segment == kAnySegments || segment.find(kAnySegments) == segment.npos);
         });
}

std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> segments;
  segments.reserve(8);
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == path.npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

// On a mismatch the newest '*' takes one character more; what earlier ones took never needs to change.
bool MatchesSegment(std::string_view pattern, std::string_view segment) {
  if (segment.empty()) return false;
  size_t p = 0;
  size_t s = 0;
  size_t star = pattern.npos;
  size_t taken = 0;
  while (s < segment.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = s;
    } else if (p < pattern.size() && pattern[p] == segment[s]) {
      ++p;
      ++s;
    } else if (star != pattern.npos) {
      p = star + 1;
      s = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace claviger::api
