#include "api/json/json.h"

#include <nlohmann/json.hpp>

#include "base/secret_bytes.h"

namespace claviger::api {
namespace {

// Builds the document event by event, so that limits and duplicates are refused before memory is spent.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  Builder(Json& root, const JsonLimits& limits) : root_(root), limits_(limits) {}

  const std::string& problem() const { return problem_; }

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    // An integer that needs a float would come back as another number.
    if (text.find_first_of(".eE") == std::string::npos) return Refuse("it holds an integer out of range");
    return Add(value);
  }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return Refuse("it is malformed"); }

  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    Json& object = *open_.back();
    if (object.size() >= limits_.max_members) return Refuse("an object has too many members");
    const auto [member, is_new] = object.emplace(std::move(name), nullptr);
    if (!is_new) return Refuse("an object has two members of one name");
    member_ = &*member;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return Refuse("it is malformed at byte " + std::to_string(position));
  }

 private:
  bool Refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  // The place of the next value: the root, the member just named, or the end of the open array.
  Json* Place() {
    if (open_.empty()) return &root_;
    if (open_.back()->is_object()) return member_;
    if (open_.back()->size() >= limits_.max_members) return nullptr;
    return &open_.back()->emplace_back(nullptr);
  }
  template <class T>
  bool Add(T&& value) {
    Json* place = Place();
    if (place == nullptr) return Refuse("an array has too many elements");
    *place = std::forward<T>(value);
    return true;
  }
  bool Open(Json container) {
    if (open_.size() >= limits_.max_depth) return Refuse("it is nested too deeply");
    Json* place = Place();
    if (place == nullptr) return Refuse("an array has too many elements");
    *place = std::move(container);
    open_.push_back(place);
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  Json& root_;
  const JsonLimits& limits_;
  // Containers not yet closed. The pointers stay valid: only the innermost container grows.
  std::vector<Json*> open_;
  Json* member_ = nullptr;
  std::string problem_;
};

Error NotJson(const std::string& why) { return Invalid("The request body is not acceptable JSON: " + why); }

}  // namespace

Result<Json> ParseJson(std::string_view text, const JsonLimits& limits) {
  // The parser would take a NUL for the end of the text, and would skip a byte order mark.
  if (text.find('\0') != std::string_view::npos || text.starts_with("\xEF\xBB\xBF")) {
    return NotJson("it is malformed");
  }
  Json root;
  Builder builder(root, limits);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    WipeStrings(root);
    return NotJson(builder.problem());
  }
  return root;
}

Result<Json> ParseJsonObject(std::string_view text, const JsonLimits& limits) {
  if (text.empty()) return Json(Json::object());
  TRY(auto json, ParseJson(text, limits));
  if (!json.is_object()) {
    WipeStrings(json);
    return Invalid("The request body must be a JSON object");
  }
  return json;
}

std::string DumpJson(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void WipeStrings(Json& json) {
  if (json.is_string()) {
    auto& text = json.get_ref<std::string&>();
    Wipe(text.data(), text.size());
  } else if (json.is_structured()) {
    for (auto& element : json) WipeStrings(element);
  }
}

}  // namespace claviger::api
