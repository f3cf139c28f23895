#include "api/access/path_tree.h"

#include <algorithm>

#include "api/access/path_pattern.h"

namespace claviger::api {
namespace {

// Of a hash table's node besides its text, about.
constexpr size_t kEdgeBytes = 96;

}  // namespace

PathTree::Node PathTree::AddRoot() {
  nodes_.emplace_back();
  return static_cast<Node>(nodes_.size() - 1);
}

PathTree::Node PathTree::Add(Node root, std::string_view pattern) {
  Node node = root;
  for (const auto segment : SplitPath(pattern)) {
    node = segment == kAnySegments ? GrowAny(node) : Grow(node, segment);
  }
  nodes_[node].ends = true;
  return node;
}

PathTree::Node PathTree::GrowAny(Node from) {
  if (nodes_[from].is_any) return from;  // "**/**" is "**"
  if (nodes_[from].any == 0) {
    const Node to = AddRoot();
    nodes_[to].is_any = true;
    nodes_[from].any = to;
  }
  return nodes_[from].any;
}

PathTree::Node PathTree::Grow(Node from, std::string_view segment) {
  if (const auto known = edges_.find(EdgeView(from, segment)); known != edges_.end()) return known->second;
  const Node to = AddRoot();
  edges_.emplace(Edge{from, std::string(segment)}, to);
  bytes_ += kEdgeBytes + segment.size();
  if (const size_t star = segment.find('*'); star != segment.npos) {
    wildcards_[Edge{from, std::string(segment.substr(0, star))}].push_back({std::string(segment), to});
    nodes_[from].longest_prefix = std::max(nodes_[from].longest_prefix, static_cast<int>(star));
    bytes_ += kEdgeBytes + segment.size();
  }
  return to;
}

// "**" below it may stand for no segment at all.
void PathTree::Enter(Node node, std::vector<Node>& active) const {
  active.push_back(node);
  if (nodes_[node].any != 0) active.push_back(nodes_[node].any);
}

void PathTree::Follow(Node from, std::string_view segment, std::vector<Node>& active) const {
  const Place& place = nodes_[from];
  if (place.is_any) active.push_back(from);
  if (const auto exact = edges_.find(EdgeView(from, segment)); exact != edges_.end()) {
    Enter(exact->second, active);
  }
  for (int length = 0; length <= std::min(place.longest_prefix, static_cast<int>(segment.size())); ++length) {
    const auto found = wildcards_.find(EdgeView(from, segment.substr(0, static_cast<size_t>(length))));
    if (found == wildcards_.end()) continue;
    for (const Wildcard& wildcard : found->second) {
      if (MatchesSegment(wildcard.pattern, segment)) Enter(wildcard.to, active);
    }
  }
}

// As a nondeterministic automaton: all places that the path may have reached so far, each once.
std::vector<PathTree::Node> PathTree::Find(Node root, std::string_view path) const {
  std::vector<Node> active;
  std::vector<Node> next;
  Enter(root, active);
  for (const auto segment : SplitPath(path)) {
    next.clear();
    for (const Node node : active) Follow(node, segment, next);
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    active.swap(next);
    if (active.empty()) break;
  }
  std::erase_if(active, [this](Node node) { return !nodes_[node].ends; });
  return active;
}

size_t PathTree::Bytes() const { return nodes_.size() * sizeof(Place) + bytes_; }

std::shared_ptr<const PathTree> CompileScopes(const std::vector<std::string>& scopes) {
  auto tree = std::make_shared<PathTree>();
  for (const auto& scope : scopes) {
    if (IsPathPattern(scope)) tree->Add(PathTree::kRoot, scope);
  }
  return tree;
}

}  // namespace claviger::api
