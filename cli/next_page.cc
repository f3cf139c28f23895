#include "cli/next_page.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace claviger::cli {
namespace {

struct Parameter {
  std::string name;  // in lower case
  std::string value;
};

// RFC 8288, section 3: #( "<" target ">" *( ";" name [ "=" ( token / quoted ) ] ) ).
class LinkReader {
 public:
  explicit LinkReader(std::string_view text) : rest_(text) {}

  bool AtEnd() {
    SkipSpace();
    while (Take(',')) SkipSpace();
    return rest_.empty();
  }
  std::optional<std::string> Target() {
    const size_t end = rest_.find('>');
    if (!Take('<') || end == std::string_view::npos) return std::nullopt;
    std::string target(rest_.substr(0, end - 1));
    rest_.remove_prefix(end);
    return target;
  }
  bool HasParameter() {
    SkipSpace();
    return Take(';');
  }
  std::optional<Parameter> NextParameter() {
    SkipSpace();
    Parameter parameter{Token(), ""};
    if (parameter.name.empty()) return std::nullopt;
    for (char& c : parameter.name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    SkipSpace();
    if (!Take('=')) return parameter;
    SkipSpace();
    if (!Take('"')) {
      parameter.value = Token();
      return parameter;
    }
    return Quoted(parameter.value) ? std::optional(parameter) : std::nullopt;
  }
  // After a link's last parameter.
  bool AtBorder() {
    SkipSpace();
    return rest_.empty() || rest_.front() == ',';
  }

 private:
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void SkipSpace() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  std::string Token() {
    const size_t size = std::min(rest_.find_first_of(" \t;,=\"<>"), rest_.size());
    std::string token(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return token;
  }
  bool Quoted(std::string& value) {
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      if (Take('"')) return true;
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return false;
      value += rest_.front();
    }
    return false;
  }
  std::string_view rest_;
};

// `rel` holds several relations, divided by spaces.
bool IsNext(std::string_view relations) {
  while (!relations.empty()) {
    const size_t size = std::min(relations.find(' '), relations.size());
    if (relations.substr(0, size) == "next") return true;
    relations.remove_prefix(std::min(size + 1, relations.size()));
  }
  return false;
}

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }

}  // namespace

Result<std::string> NextPage(std::string_view link, std::string_view current) {
  const auto refuse = [](const char* why) { return MakeError(ErrorKind::kInternal, why); };
  std::string next;
  for (LinkReader reader(link); !reader.AtEnd();) {
    const auto target = reader.Target();
    if (!target) return refuse("The server's link to the rest of the list makes no sense");
    while (reader.HasParameter()) {
      const auto parameter = reader.NextParameter();
      if (!parameter) return refuse("The server's link to the rest of the list makes no sense");
      if (parameter->name == "rel" && IsNext(parameter->value)) next = *target;
    }
    if (!reader.AtBorder()) return refuse("The server's link to the rest of the list makes no sense");
  }
  if (next.empty()) return next;
  if (PathOf(next) != PathOf(current) || next == current) {
    return refuse("The server's link to the rest of the list leads elsewhere; not followed");
  }
  return next;
}

}  // namespace claviger::cli
