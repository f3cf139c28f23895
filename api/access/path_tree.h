#pragma once
// Many patterns, asked together: a tree over their segments. A look-up follows one path through it and costs
// what the path is long, whatever the number of patterns; only those that share a node and begin their next
// segment with the same text before a '*' are looked at one by one.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace claviger::api {

class PathTree {
 public:
  using Node = uint32_t;
  static constexpr Node kRoot = 0;

  PathTree() : nodes_(1) {}
  // A tree beside the others, with no pattern in common.
  Node AddRoot();
  // Returns where the pattern ends (IsPathPattern).
  Node Add(Node root, std::string_view pattern);
  // Where those patterns below `root` end that match the path, which may be any text.
  std::vector<Node> Find(Node root, std::string_view path) const;
  // Of memory, about.
  size_t Bytes() const;

 private:
  struct Place {
    Node any = 0;  // below "**", if there is one
    // Of the texts before the '*' in the segments that follow; -1 if none has one.
    int longest_prefix = -1;
    bool is_any = false;  // follows "**"
    bool ends = false;
  };
  struct Edge {
    Node from;
    std::string text;
  };
  struct EdgeView {
    Node from;
    std::string_view text;
    EdgeView(Node node, std::string_view segment) : from(node), text(segment) {}
    EdgeView(const Edge& edge) : from(edge.from), text(edge.text) {}  // NOLINT: as strings become views
  };
  struct EdgeHash {
    using is_transparent = void;
    size_t operator()(const EdgeView& edge) const {
      return std::hash<std::string_view>{}(edge.text) ^ (edge.from * size_t{0x9E3779B97F4A7C15});
    }
  };
  struct EdgeEqual {
    using is_transparent = void;
    bool operator()(const EdgeView& a, const EdgeView& b) const {
      return a.from == b.from && a.text == b.text;
    }
  };
  template <class To>
  using Edges = std::unordered_map<Edge, To, EdgeHash, EdgeEqual>;
  struct Wildcard {
    std::string pattern;
    Node to;
  };

  Node Grow(Node from, std::string_view segment);
  Node GrowAny(Node from);
  void Enter(Node node, std::vector<Node>& active) const;
  void Follow(Node from, std::string_view segment, std::vector<Node>& active) const;

  std::vector<Place> nodes_;
  // By the whole segment, wildcards too: a segment of a pattern stands for its own text at least.
  Edges<Node> edges_;
  Edges<std::vector<Wildcard>> wildcards_;  // by the text before the first '*'
  size_t bytes_ = 0;
};

// What an agent's token is limited to. Scopes that are no patterns match nothing.
std::shared_ptr<const PathTree> CompileScopes(const std::vector<std::string>& scopes);

}  // namespace claviger::api
