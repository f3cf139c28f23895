#pragma once
// Reads what a CanonicalWriter wrote, field by field.

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace claviger::crypto {

// After a field that is not there, or not of the size asked for, every further one is empty or zero.
class CanonicalReader {
 public:
  CanonicalReader(ByteView bytes, std::string_view format) : rest_(bytes) {
    if (AsText(Field()) != format) Fail();
  }
  ByteView Field();
  uint64_t Number();
  // All were there, and nothing follows.
  bool Complete() const { return good_ && rest_.empty(); }

 private:
  void Fail() {
    good_ = false;
    rest_ = {};
  }

  ByteView rest_;
  bool good_ = true;
};

}  // namespace claviger::crypto
