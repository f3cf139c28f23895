// Request targets: what is accepted is in the one normal form.
#include <set>

#include "api/http/target.h"
#include "base/bytes.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using fuzz::Require;

namespace {

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
  }
  return false;
}

void CheckSegment(std::string_view segment) {
  Require(!HasControl(segment) && IsUtf8(segment), "segments are clean text");
  // Between any two slashes, decoded ones too, there is something that is not a dot segment.
  for (std::string_view rest = segment;;) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    Require(!part.empty() && part != "." && part != "..", "no empty and no dot segments");
    if (slash == std::string_view::npos) return;
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto target = api::http::ParseTarget(fuzz::Text(data, size));
  if (!target) return 0;
  for (const std::string& segment : target.value().segments) CheckSegment(segment);
  std::set<std::string> names;
  for (const auto& [name, value] : target.value().query) {
    Require(!name.empty() && names.insert(name).second, "query names are there once");
    Require(!HasControl(name) && !HasControl(value) && IsUtf8(name) && IsUtf8(value),
            "the query is clean text");
  }
  return 0;
}
