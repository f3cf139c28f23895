#include "hsm/settling.h"

#include <doctest/doctest.h>

#include <string>

using namespace claviger;
using namespace claviger::hsm;
using crypto::SigningKey;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kSettling{1000};
const SteadyTime kStart = SteadyTime{} + std::chrono::hours(1);

SigningKeyPair Key(uint8_t version, bool can_sign = true, uint8_t material = 0) {
  const uint8_t byte = material == 0 ? version : material;
  return {{"claviger-token-v" + std::to_string(version), {}, Bytes(32, byte)},
          can_sign ? CK_OBJECT_HANDLE{version} : CK_INVALID_HANDLE};
}

struct Fixture {
  Settling settling{kSettling};

  // The versions in the order in which they are arranged: "1 3 2".
  std::string Order(std::vector<SigningKeyPair> keys, milliseconds at) {
    std::string order;
    for (const auto& key : settling.Arrange(SigningKey::kToken, {std::move(keys), {}}, kStart + at)) {
      order += (order.empty() ? "" : " ") + key.published.kid.substr(16);
    }
    return order;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "A new key signs when it has been known for long enough") {
  CHECK(Order({Key(1)}, milliseconds(0)) == "1");
  CHECK(Order({Key(2), Key(1)}, milliseconds(5000)) == "1 2");
  CHECK(Order({Key(2), Key(1)}, milliseconds(5999)) == "1 2");
  CHECK(Order({Key(2), Key(1)}, milliseconds(6000)) == "2 1");
  CHECK(Order({Key(3), Key(2), Key(1)}, milliseconds(6500)) == "2 3 1");
  CHECK(Order({Key(3), Key(2), Key(1)}, milliseconds(7500)) == "3 2 1");
}

TEST_CASE_FIXTURE(Fixture, "Who knows nothing of how long keys are there signs with the oldest") {
  CHECK(Order({Key(3), Key(2), Key(1)}, milliseconds(0)) == "1 3 2");
  CHECK(Order({Key(3), Key(2), Key(1)}, milliseconds(1000)) == "3 2 1");
}

TEST_CASE_FIXTURE(Fixture, "A key without its private half never signs, a lone one signs at once") {
  CHECK(Order({Key(2), Key(1, false)}, milliseconds(0)) == "2 1");
  CHECK(Order({Key(3, false), Key(2), Key(1)}, milliseconds(1000)) == "2 3 1");
  CHECK(Order({Key(3, false), Key(2), Key(1)}, milliseconds(9000)) == "2 3 1");
}

TEST_CASE_FIXTURE(Fixture, "A key that was made anew under the same name is as new as any other") {
  CHECK(Order({Key(2), Key(1)}, milliseconds(0)) == "1 2");
  CHECK(Order({Key(2), Key(1)}, milliseconds(1000)) == "2 1");
  CHECK(Order({Key(2, true, 77), Key(1)}, milliseconds(1100)) == "1 2");
  CHECK(Order({Key(1)}, milliseconds(1200)) == "1");
  CHECK(Order({Key(2), Key(1)}, milliseconds(1300)) == "1 2");
}

TEST_CASE_FIXTURE(Fixture, "Roles do not mix") {
  const SigningKeys keys{{Key(1)}, {Key(2), Key(1)}};
  CHECK(settling.Arrange(SigningKey::kToken, keys, kStart).size() == 1);
  CHECK(settling.Arrange(SigningKey::kAudit, keys, kStart).front().published.raw == Bytes(32, 1));
  CHECK(settling.Arrange(SigningKey::kToken, keys, kStart + kSettling / 2).size() == 1);
  CHECK(settling.Arrange(SigningKey::kAudit, keys, kStart + kSettling).front().published.raw == Bytes(32, 2));
}
