#include <doctest/doctest.h>

#include <set>

#include "api/access/path_pattern.h"
#include "api/access/path_tree.h"

using namespace claviger::api;

namespace {

bool Matches(std::string_view pattern, std::string_view path) {
  PathTree tree;
  tree.Add(PathTree::kRoot, pattern);
  return !tree.Find(PathTree::kRoot, path).empty();
}

}  // namespace

TEST_CASE("patterns are segments of path characters and stars") {
  for (const char* text : {"a", "*", "**", "a/b", "a/*", "a/**", "**/a", "a/**/b", "prod-*", "*-key", "a*b*c",
                           "A_1-", "**/**", "-", "_/x-"}) {
    CAPTURE(text);
    CHECK(IsPathPattern(text));
  }
  for (const char* text :
       {"",    "/",  "/a", "a/", "a//b", "a**",   "**a", "a/b**/c", "***",  "a b",
        "a.b", "..", "a?", "ü",  "a\n",  "a%2Fb", "a+b", "{a}",     "[ab]", "vaults:read"}) {
    CAPTURE(text);
    CHECK_FALSE(IsPathPattern(text));
  }
  CHECK(IsPathPattern(std::string(kMaxPatternBytes, 'a')));
  CHECK_FALSE(IsPathPattern(std::string(kMaxPatternBytes + 1, 'a')));
  std::string deep = "a";
  for (size_t n = 1; n < kMaxPatternSegments; ++n) deep += "/a";
  CHECK(IsPathPattern(deep));
  CHECK_FALSE(IsPathPattern(deep + "/a"));
}

TEST_CASE("scopes of pattern characters speak of paths, everything else is a label") {
  for (const char* glob : {"**", "*", "db/**", "a-b_c/*", "OPENAI_KEY", "", "/"}) CHECK(IsPathScope(glob));
  for (const char* label : {"vaults:read", "vault.read", "tx.sign", "tx sign", "a+b", "ü"}) {
    CHECK_FALSE(IsPathScope(label));
  }
}

TEST_CASE("a star is one segment, or a part of one; two stars are any number of segments") {
  struct Case {
    const char* pattern;
    const char* path;
    bool matches;
  };
  for (const auto& [pattern, path, matches] : {
           Case{"api-keys/*", "api-keys/a", true},
           Case{"api-keys/*", "api-keys/a/b", false},
           Case{"api-keys/*", "api-keys", false},
           Case{"api-keys/*", "api-keys/", false},
           Case{"api-keys/**", "api-keys", true},
           Case{"api-keys/**", "api-keys/a/b", true},
           Case{"api-keys/**", "api-keysx/a", false},
           Case{"**", "a", true},
           Case{"**", "a/b/c", true},
           Case{"*", "a", true},
           Case{"*", "a/b", false},
           Case{"**/key", "key", true},
           Case{"**/key", "a/b/key", true},
           Case{"**/key", "a/b/key/c", false},
           Case{"a/**/z", "a/z", true},
           Case{"a/**/z", "a/b/c/z", true},
           Case{"a/**/z", "a/b/c", false},
           Case{"a/**/b/**/c", "a/x/b/b/y/c", true},
           Case{"a/**/b/**/c", "a/c/b", false},
           Case{"**/**", "a", true},
           Case{"a/**/**/b", "a/b", true},
           Case{"prod-*", "prod-db", true},
           Case{"prod-*", "prod-", true},
           Case{"prod-*", "prod", false},
           Case{"prod-*", "prod-db/x", false},
           Case{"*-key", "tls-key", true},
           Case{"*-key", "-keys", false},
           Case{"a*b*c", "abc", true},
           Case{"a*b*c", "aXbYbZc", true},
           Case{"a*b*c", "aXcYb", false},
           Case{"a*a", "a", false},
           Case{"a/*b/c", "a/xb/c", true},
           Case{"a/*b/c", "a/xb/d", false},
           Case{"A", "a", false},
           Case{"p", "p", true},
           Case{"p", "p/", false},  // nothing but "**" stands for an empty segment
           Case{"p/*", "p/", false},
           Case{"p", "/p", false},
           Case{"*/*", "a//", false},
           Case{"a", "", false},
           Case{"*", "", false},
           // What is asked for is never read as a pattern.
           Case{"a", "*", false},
           Case{"a/b", "a/*", false},
           Case{"a/b", "**", false},
           Case{"prod-db", "prod-*", false},
       }) {
    CAPTURE(pattern);
    CAPTURE(path);
    CHECK(Matches(pattern, path) == matches);
  }
}

TEST_CASE("many patterns are found each where it ends, and roots have nothing in common") {
  PathTree tree;
  const auto other = tree.AddRoot();
  const auto all = tree.Add(PathTree::kRoot, "**");
  const auto below = tree.Add(PathTree::kRoot, "a/**");
  const auto one = tree.Add(PathTree::kRoot, "a/*");
  const auto part = tree.Add(PathTree::kRoot, "a/b*");
  const auto exact = tree.Add(PathTree::kRoot, "a/bc");
  const auto elsewhere = tree.Add(other, "a/bc");
  CHECK(tree.Add(PathTree::kRoot, "a/b*") == part);
  CHECK(tree.Add(PathTree::kRoot, "a/**/**") == below);
  const auto found = [&](PathTree::Node root, const char* path) {
    const auto nodes = tree.Find(root, path);
    const std::set<PathTree::Node> once(nodes.begin(), nodes.end());
    CHECK(once.size() == nodes.size());
    return once;
  };
  CHECK(found(PathTree::kRoot, "a/bc") == std::set{all, below, one, part, exact});
  CHECK(found(PathTree::kRoot, "a/x") == std::set{all, below, one});
  CHECK(found(PathTree::kRoot, "a") == std::set{all, below});
  CHECK(found(other, "a/bc") == std::set{elsewhere});
  CHECK(found(other, "a/x").empty());
}

TEST_CASE("patterns that hold each other up take no more places than there are") {
  PathTree tree;
  std::string pattern = "**";
  for (size_t n = 1; n < kMaxPatternSegments / 2; ++n) pattern += "/a/**";
  tree.Add(PathTree::kRoot, pattern);
  std::string path = "a";
  for (int n = 0; n < 255; ++n) path += "/a";  // as long as a path can be
  CHECK(tree.Find(PathTree::kRoot, path).size() == 1);
  CHECK(tree.Find(PathTree::kRoot, "a/a").empty());
}

TEST_CASE("scopes that are no patterns match nothing") {
  const auto none = CompileScopes({"vaults:read", "/a", "a/", "a**"});
  for (const char* path : {"a", "/a", "a/", "vaults:read", "a**"})
    CHECK(none->Find(PathTree::kRoot, path).empty());
  const auto some = CompileScopes({"vaults:read", "db/**"});
  CHECK(!some->Find(PathTree::kRoot, "db/x").empty());
}
