#include "base/ids.h"

#include <doctest/doctest.h>

#include <set>
#include <type_traits>
#include <unordered_set>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_random.h"

using namespace claviger;

static_assert(!std::is_convertible_v<OrgId, VaultId>);
static_assert(!std::is_convertible_v<OrgId, Uuid>);

TEST_CASE("Every byte of a UUID is printed and read back") {
  fakes::FakeRandom random;
  for (int i = 0; i < 100; ++i) {
    Uuid uuid;
    random.Fill({uuid.data, 16});
    CHECK(*ParseUuid(FormatUuid(uuid)) == uuid);
  }
  CHECK(FormatUuid(Uuid{}) == "00000000-0000-0000-0000-000000000000");
}

TEST_CASE("Version 7 carries the milliseconds, the version and the variant") {
  fakes::FakeClock clock("2022-02-22T19:22:22Z");
  fakes::FakeRandom random;
  const Uuid uuid = NewUuidV7(clock, random);
  CHECK(FormatUuid(uuid).substr(0, 13) == "017f22e2-79b0");  // the example of RFC 9562 appendix A.6
  for (int i = 0; i < 100; ++i) {
    const Uuid next = NewUuidV7(clock, random);
    CHECK((next.data[6] >> 4) == 7);
    CHECK((next.data[8] >> 6) == 2);
  }
}

TEST_CASE("The bounds of a time hold every id made then and none made a microsecond away") {
  fakes::FakeRandom random;
  for (const int64_t micros : {int64_t{0}, int64_t{999}, int64_t{1000}, int64_t{1772366400123456}}) {
    const Time at{std::chrono::microseconds{micros}};
    const Time next = at + std::chrono::microseconds{1};
    CHECK(LastUuidV7(at) < FirstUuidV7(next));
    for (int i = 0; i < 100; ++i) {
      const Uuid id = NewUuidV7(at, random);
      CHECK(!(id < FirstUuidV7(at)));
      CHECK(!(LastUuidV7(at) < id));
    }
  }
  CHECK(FirstUuidV7(Time{std::chrono::microseconds{-5}}) == FirstUuidV7(Time{}));
}

TEST_CASE("Ids made in one millisecond differ") {
  fakes::FakeClock clock;
  fakes::FakeRandom random;
  std::set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) CHECK(seen.insert(NewUuidV7(clock, random)).second);
}

TEST_CASE("Typed ids parse, print, compare and hash by value") {
  const auto a = VaultId::Parse("0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeee1");
  const auto b = VaultId::Parse("0190AAAA-BBBB-7CCC-8DDD-EEEEEEEEEEE2");
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->ToString() == "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeee1");
  CHECK(*a < *b);
  CHECK_FALSE(*a == *b);
  CHECK(VaultId{}.IsNil());
  CHECK_FALSE(a->IsNil());
  CHECK(a->Bytes().size() == 16);
  const std::unordered_set<VaultId> set{*a, *b, *a};
  CHECK(set.size() == 2);
  CHECK_FALSE(VaultId::Parse("not an id"));
}
