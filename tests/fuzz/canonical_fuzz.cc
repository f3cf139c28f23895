// The canonical encoding: an input cut into fields must be readable again, field by field, to the last byte.
#include <vector>

#include "crypto/canonical.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using fuzz::Require;

namespace {

// The first byte of each piece says how long it is.
std::vector<ByteView> CutIntoFields(ByteView input) {
  std::vector<ByteView> fields;
  while (!input.empty()) {
    const size_t size = std::min<size_t>(input[0], input.size() - 1);
    fields.push_back(input.subspan(1, size));
    input = input.subspan(1 + size);
  }
  return fields;
}

ByteView TakeField(ByteView& encoded) {
  Require(encoded.size() >= 4, "a length is there");
  const size_t size =
      size_t{encoded[0]} << 24 | size_t{encoded[1]} << 16 | size_t{encoded[2]} << 8 | encoded[3];
  Require(encoded.size() - 4 >= size, "the field is there");
  const ByteView field = encoded.subspan(4, size);
  encoded = encoded.subspan(4 + size);
  return field;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto fields = CutIntoFields({data, size});
  crypto::CanonicalWriter writer("t");
  for (const ByteView field : fields) writer.Field(field);
  ByteView encoded(writer.bytes());
  Require(AsText(TakeField(encoded)) == "t", "the tag comes first");
  for (const ByteView field : fields)
    Require(AsText(TakeField(encoded)) == AsText(field), "each field is kept");
  Require(encoded.empty(), "nothing is added");
  return 0;
}
