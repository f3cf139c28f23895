// A pattern and a path, divided by a line end: the tree decides as a plain recursion does, and neither gets
// lost.
#include <span>

#include "api/access/path_pattern.h"
#include "api/access/path_tree.h"
#include "tests/fuzz/require.h"

using namespace claviger::api;
using claviger::fuzz::Require;

namespace {

using Segments = std::span<const std::string_view>;

// Short inputs only: it tries everything.
bool Matches(Segments pattern, Segments path) {
  if (pattern.empty()) return path.empty();
  if (pattern.front() != kAnySegments) {
    return !path.empty() && MatchesSegment(pattern.front(), path.front()) &&
           Matches(pattern.subspan(1), path.subspan(1));
  }
  for (size_t skipped = 0; skipped <= path.size(); ++skipped) {
    if (Matches(pattern.subspan(1), path.subspan(skipped))) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = claviger::fuzz::Text(data, size);
  const size_t line = text.find('\n');
  if (line == text.npos || size > 1100) return 0;
  const auto pattern = text.substr(0, line);
  const auto path = text.substr(line + 1);
  if (!IsPathPattern(pattern)) return 0;
  Require(IsPathScope(pattern), "patterns are scopes");
  PathTree tree;
  const auto other = tree.AddRoot();
  const auto place = tree.Add(PathTree::kRoot, pattern);
  const auto found = tree.Find(PathTree::kRoot, path);
  Require(found.empty() || (found.size() == 1 && found.front() == place), "a pattern ends at one place");
  Require(tree.Find(other, path).empty(), "roots have nothing in common");
  const auto pattern_segments = SplitPath(pattern);
  const auto path_segments = SplitPath(path);
  if (pattern_segments.size() > 6 || path_segments.size() > 12) return 0;
  Require(Matches(pattern_segments, path_segments) == !found.empty(), "the tree decides as the pattern says");
  return 0;
}
