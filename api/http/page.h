#pragma once
// Lists in bounded pieces. The API returns a list whole, as its clients expect, up to kMaxPageItems items or
// kMaxPageBytes of text; a longer one goes on in further pages, which a `Link: <...>; rel="next"` header
// (RFC 8288) announces. Inside, rows are read from the database in batches: no list holds more than one page
// and one batch in memory.

#include <algorithm>
#include <vector>

#include "api/http/message.h"
#include "base/error.h"

namespace claviger::api::http {

inline constexpr int64_t kMaxPageItems = 10'000;
inline constexpr size_t kMaxPageBytes = 4 * 1024 * 1024;
inline constexpr int64_t kBatchItems = 500;

template <class Item>
struct Page {
  std::vector<Item> items;
  bool complete = true;  // false: the list goes on after the last item
};

// Fills one page. `fetch(last, count)` returns up to `count` items that follow `last` (nullptr: follow the
// place where the page begins), fewer only at the end of the list. `size_of(item)` is its text in bytes.
template <class Item, class Fetch, class SizeOf>
Result<Page<Item>> CollectPage(int64_t limit, Fetch fetch, SizeOf size_of) {
  Page<Item> page;
  size_t bytes = 0;
  while (true) {
    const int64_t room = limit - static_cast<int64_t>(page.items.size());
    const int64_t count = std::min(room, kBatchItems);
    page.complete = false;
    if (count <= 0) return page;
    TRY(auto batch, fetch(page.items.empty() ? nullptr : &page.items.back(), count));
    for (Item& item : batch) {
      // The first item is always taken, or a page could stand still.
      if (!page.items.empty() && bytes + size_of(item) > kMaxPageBytes) return page;
      bytes += size_of(item);
      page.items.push_back(std::move(item));
    }
    page.complete = static_cast<int64_t>(batch.size()) < count;
    if (page.complete) return page;
  }
}

// The `limit` parameter: kMaxPageItems if absent, clamped to 1..kMaxPageItems; kInvalid if not a whole
// number.
Result<int64_t> ReadLimit(const Request& request);

// Announces the next page. `target` is a path with query, of characters that a URI may hold.
void AddNextLink(Response& response, std::string_view target);

}  // namespace claviger::api::http
