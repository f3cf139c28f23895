#include "api/http/page.h"

#include <doctest/doctest.h>

using namespace claviger;
using namespace claviger::api::http;

namespace {

// The numbers 1 to `count`, as a table would give them.
struct Numbers {
  int count;
  int queries = 0;
  int most_asked = 0;

  auto Fetch() {
    return [this](const int* last, int64_t asked) -> Result<std::vector<int>> {
      ++queries;
      most_asked = std::max(most_asked, static_cast<int>(asked));
      std::vector<int> batch;
      for (int n = last ? *last + 1 : 1; n <= count && static_cast<int64_t>(batch.size()) < asked; ++n) {
        batch.push_back(n);
      }
      return batch;
    };
  }
};

size_t Small(int) { return 10; }

Request WithLimit(std::string text) {
  Request request;
  request.target.query = {{"limit", std::move(text)}};
  return request;
}

}  // namespace

TEST_CASE("a list that fits comes whole, in batches") {
  Numbers numbers{.count = 1234};
  const auto page = CollectPage<int>(kMaxPageItems, numbers.Fetch(), Small);
  REQUIRE(page);
  CHECK(page.value().complete);
  CHECK(page.value().items.size() == 1234);
  CHECK(page.value().items.back() == 1234);
  CHECK(numbers.most_asked == kBatchItems);
}

TEST_CASE("a page ends at its limit and says that the list goes on") {
  Numbers numbers{.count = 2000};
  const auto page = CollectPage<int>(700, numbers.Fetch(), Small);
  REQUIRE(page);
  CHECK_FALSE(page.value().complete);
  CHECK(page.value().items.size() == 700);
  CHECK(numbers.queries == 2);
}

TEST_CASE("a page ends before its text grows too large") {
  Numbers numbers{.count = 100};
  const auto page = CollectPage<int>(kMaxPageItems, numbers.Fetch(), [](int) { return kMaxPageBytes / 3; });
  REQUIRE(page);
  CHECK_FALSE(page.value().complete);
  CHECK(page.value().items == std::vector<int>{1, 2, 3});
}

TEST_CASE("an item larger than a page stands alone on one") {
  Numbers numbers{.count = 2};
  const auto page = CollectPage<int>(kMaxPageItems, numbers.Fetch(), [](int) { return 2 * kMaxPageBytes; });
  REQUIRE(page);
  CHECK(page.value().items == std::vector<int>{1});
  CHECK_FALSE(page.value().complete);
}

TEST_CASE("an empty list is complete") {
  Numbers numbers{.count = 0};
  const auto page = CollectPage<int>(kMaxPageItems, numbers.Fetch(), Small);
  REQUIRE(page);
  CHECK(page.value().complete);
  CHECK(page.value().items.empty());
}

TEST_CASE("a failing query fails the page") {
  const auto fail = [](const int*, int64_t) -> Result<std::vector<int>> { return Unavailable("gone"); };
  CHECK_FALSE(CollectPage<int>(10, fail, Small));
}

TEST_CASE("a limit out of range is clamped, anything but a whole number refused") {
  CHECK(ReadLimit(Request{}).value() == kMaxPageItems);
  CHECK(ReadLimit(WithLimit("25")).value() == 25);
  CHECK(ReadLimit(WithLimit("0")).value() == 1);
  CHECK(ReadLimit(WithLimit("-5")).value() == 1);
  CHECK(ReadLimit(WithLimit("10001")).value() == kMaxPageItems);
  for (const char* text : {"", "ten", "1.5", " 1", "1 ", "+1", "0x10", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(ReadLimit(WithLimit(text)));
  }
}
