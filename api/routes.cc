#include "api/routes.h"

#include <algorithm>
#include <cstdlib>

namespace claviger::api {
namespace {

bool IsParameter(const std::string& segment) { return segment.starts_with('{'); }
bool IsTail(const std::string& segment) { return segment.starts_with('{') && segment.ends_with("...}"); }

// "{vault_id}" -> "vault_id", "{path...}" -> "path".
std::string ParameterName(const std::string& segment) {
  return segment.substr(1, segment.size() - (IsTail(segment) ? 5 : 2));
}

std::vector<std::string> Split(std::string_view pattern) {
  std::vector<std::string> segments;
  size_t start = 1;  // behind the leading '/'
  while (start < pattern.size()) {
    const size_t end = std::min(pattern.find('/', start), pattern.size());
    segments.emplace_back(pattern.substr(start, end - start));
    start = end + 1;
  }
  return segments;
}

// Patterns with the same shape match the same paths: "/a/{x}" and "/a/{y}".
std::string Shape(const std::vector<std::string>& segments) {
  std::string shape;
  for (const auto& segment : segments) {
    shape += '/';
    shape += IsTail(segment) ? "{...}" : IsParameter(segment) ? "{}" : segment;
  }
  return shape;
}

bool Matches(const std::vector<std::string>& pattern, bool has_tail,
             const std::vector<std::string>& segments) {
  if (has_tail ? segments.size() < pattern.size() : segments.size() != pattern.size()) return false;
  const size_t fixed = pattern.size() - (has_tail ? 1 : 0);
  for (size_t i = 0; i < fixed; ++i) {
    // A literal never holds '/', and a parameter must not take a segment that hides one.
    if (IsParameter(pattern[i]) ? segments[i].find('/') != std::string::npos : segments[i] != pattern[i]) {
      return false;
    }
  }
  return true;
}

// Both match one path; true if `a` names it more exactly: at the first difference, a literal wins over a
// parameter and a parameter over a tail.
bool MoreExact(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const auto rank = [](const std::string& segment) {
    return IsTail(segment) ? 2 : IsParameter(segment) ? 1 : 0;
  };
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (rank(a[i]) != rank(b[i])) return rank(a[i]) < rank(b[i]);
  }
  return a.size() > b.size();
}

std::string JoinFrom(const std::vector<std::string>& segments, size_t first) {
  std::string joined = segments[first];
  for (size_t i = first + 1; i < segments.size(); ++i) joined.append("/").append(segments[i]);
  return joined;
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  std::vector<std::string> taken;
  for (const Route& route : routes_) {
    Compiled compiled;
    compiled.segments = Split(route.pattern);
    compiled.shape = Shape(compiled.segments);
    compiled.has_tail = !compiled.segments.empty() && IsTail(compiled.segments.back());
    std::string key = std::string(http::Name(route.method)) + " " + compiled.shape;
    if (std::find(taken.begin(), taken.end(), key) != taken.end()) std::abort();
    taken.push_back(std::move(key));
    compiled_.push_back(std::move(compiled));
  }
}

Result<Router::Match> Router::Find(http::Method method, const http::Target& target,
                                   std::string* allow) const {
  const Compiled* best = nullptr;
  for (const Compiled& candidate : compiled_) {
    if (!Matches(candidate.segments, candidate.has_tail, target.segments)) continue;
    if (best == nullptr || MoreExact(candidate.segments, best->segments)) best = &candidate;
  }
  if (best == nullptr) return NotFound("No such resource");

  allow->clear();
  for (size_t i = 0; i < routes_.size(); ++i) {
    if (compiled_[i].shape != best->shape) continue;
    if (routes_[i].method == method) return MakeMatch(i, target);
    if (!allow->empty()) *allow += ", ";
    *allow += http::Name(routes_[i].method);
  }
  return MakeError(ErrorKind::kMethodNotAllowed, "This resource does not know the method");
}

Router::Match Router::MakeMatch(size_t index, const http::Target& target) const {
  Match match{&routes_[index], {}};
  const Compiled& compiled = compiled_[index];
  for (size_t i = 0; i < compiled.segments.size(); ++i) {
    const std::string& segment = compiled.segments[i];
    if (!IsParameter(segment)) continue;
    match.params[ParameterName(segment)] =
        IsTail(segment) ? JoinFrom(target.segments, i) : target.segments[i];
  }
  return match;
}

}  // namespace claviger::api
