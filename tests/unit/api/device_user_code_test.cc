#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "api/device/user_code.h"
#include "crypto/random.h"

using namespace claviger;
using namespace claviger::api;

namespace {

// Gives these bytes in turn.
class ScriptedRandom : public Random {
 public:
  explicit ScriptedRandom(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  void Fill(std::span<uint8_t> out) override {
    for (auto& byte : out) byte = bytes_[next_++ % bytes_.size()];
  }

 private:
  std::vector<uint8_t> bytes_;
  size_t next_ = 0;
};

}  // namespace

TEST_CASE("a new code is of its alphabet, and of all of it") {
  crypto::SystemRandom random;
  std::set<char> seen;
  for (int i = 0; i < 500; ++i) {
    const std::string code = NewUserCode(random);
    REQUIRE(code.size() == 9);
    CHECK(code[4] == '-');
    CHECK(NormalizeUserCode(code) == code);
    seen.insert(code.begin(), code.end());
  }
  CHECK(seen.size() == 21);
}

TEST_CASE("bytes that would make some letters likelier are passed over") {
  ScriptedRandom random({240, 255, 0, 19, 20, 239, 1, 2, 3, 4});
  CHECK(NewUserCode(random) == "BZBZ-CDFG");
}

TEST_CASE("a code may be typed in any case, without its hyphen, with spaces around it") {
  for (const char* text : {"BCDF-GHJK", "bcdf-ghjk", "bcdfghjk", " BCDFGHJK ", "BcDf-gHjK"}) {
    CAPTURE(text);
    CHECK(NormalizeUserCode(text) == "BCDF-GHJK");
  }
}

TEST_CASE("anything else is no code") {
  for (const char* text : {"", "-", "BCDF-GHJ", "BCDFGHJKL", "BCD-FGHJK", "BCDF--GHJK", "ABCD-EFGH",
                           "BCDF GHJK", "BCDF-GHJ1", "BCDF-GHJ\xC3", "\tBCDF-GHJK", "BCDF-GHJK\n"}) {
    CAPTURE(text);
    CHECK_FALSE(NormalizeUserCode(text).has_value());
  }
}
