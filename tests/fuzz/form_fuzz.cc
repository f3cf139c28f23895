// Forms: what is taken is within the bounds, without control characters, each name once.
#include <algorithm>
#include <set>

#include "api/pages/form.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api::pages;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto form = Form::ParseBody(fuzz::Text(data, size));
  if (!form) return 0;
  Require(form.value().fields().size() <= kMaxFields, "few fields");
  std::set<std::string> names;
  for (const auto& [name, value] : form.value().fields()) {
    Require(names.insert(name).second, "each name once");
    Require(value.size() <= kMaxFieldBytes && IsUtf8(value.Text()), "values are text within the limit");
    const auto text = value.Text();
    Require(std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }),
            "no control characters");
    Require(form.value().Text(name) == text, "fields are found by name");
  }
  return 0;
}
