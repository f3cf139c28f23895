#include "crypto/canonical.h"

#include <array>
#include <cstdlib>
#include <limits>

namespace claviger::crypto {
namespace {

template <size_t N>
std::array<uint8_t, N> BigEndian(uint64_t number) {
  std::array<uint8_t, N> out;
  for (size_t i = 0; i < N; ++i) out[i] = static_cast<uint8_t>(number >> (8 * (N - 1 - i)));
  return out;
}

}  // namespace

CanonicalWriter& CanonicalWriter::Field(ByteView bytes) {
  // A wrapped length would let two field lists share one encoding.
  if (bytes.size() > std::numeric_limits<uint32_t>::max()) std::abort();
  const auto length = BigEndian<4>(bytes.size());
  bytes_.insert(bytes_.end(), length.begin(), length.end());
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return *this;
}

CanonicalWriter& CanonicalWriter::Field(uint64_t number) { return Field(ByteView(BigEndian<8>(number))); }

}  // namespace claviger::crypto
