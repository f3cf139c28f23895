#include "crypto/strict_json.h"

#include <set>
#include <string>
#include <vector>

namespace claviger::crypto {
namespace {

using nlohmann::json;
constexpr int kMaxDepth = 8;

// Watches the parser's events: the library itself keeps the last of duplicate members and knows no depth.
class Watch {
 public:
  // Returning false makes the parser drop the value, which bounds what a refused text can build.
  bool On(int depth, json::parse_event_t event, const json& parsed) {
    if (refused_ || depth > kMaxDepth) {
      refused_ = true;
      return false;
    }
    if (event == json::parse_event_t::object_start) names_.emplace_back();
    if (event == json::parse_event_t::object_end) names_.pop_back();
    if (event == json::parse_event_t::key && !names_.back().insert(parsed.get<std::string>()).second) {
      refused_ = true;
    }
    return !refused_;
  }
  bool refused() const { return refused_; }

 private:
  std::vector<std::set<std::string>> names_;  // of the objects that are open
  bool refused_ = false;
};

}  // namespace

std::optional<json> ParseStrictObject(std::string_view text) {
  // The library would skip a byte order mark in front and take a NUL for the end of the text.
  if (!text.starts_with('{') || text.find('\0') != std::string_view::npos) return std::nullopt;
  Watch watch;
  auto value = json::parse(
      text.begin(), text.end(),
      [&](int depth, json::parse_event_t event, json& parsed) { return watch.On(depth, event, parsed); },
      /*allow_exceptions=*/false);
  if (watch.refused() || !value.is_object()) return std::nullopt;
  return value;
}

const std::string* FindString(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

}  // namespace claviger::crypto
