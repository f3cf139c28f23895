#pragma once
// Patterns over the paths of secrets, segment by segment: "**" stands for any number of segments, also none;
// "*" in a segment for any run of characters; everything else for itself. A segment of a pattern never stands
// for an empty one. Pure text: matching many at once is api/access/path_tree.h.

#include <string_view>
#include <vector>

namespace claviger::api {

inline constexpr size_t kMaxPatternBytes = 512;
inline constexpr size_t kMaxPatternSegments = 32;
inline constexpr std::string_view kAnySegments = "**";

// True for 1 to kMaxPatternSegments segments of letters, digits, '-', '_' and '*', joined by single slashes,
// at most kMaxPatternBytes long, in which "**" stands alone in its segment.
bool IsPathPattern(std::string_view text);

// True if every character may stand in a pattern. Of an agent's scopes only these speak of paths; anything
// with another character is a label.
bool IsPathScope(std::string_view scope);

// What '/' separates; the empty text is one empty segment.
std::vector<std::string_view> SplitPath(std::string_view path);

// One segment of a pattern, not "**", against one of a path.
bool MatchesSegment(std::string_view pattern, std::string_view segment);

}  // namespace claviger::api
