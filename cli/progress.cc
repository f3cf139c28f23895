#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/terminal.h"

namespace claviger::cli {
namespace {

constexpr int64_t kWidth = 30;

}  // namespace

Progress::Progress() : draws_(IsTerminal(STDERR_FILENO)) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stderr, "\n");
}

void Progress::Draw(int64_t done, int64_t total, std::string_view state, bool complete) {
  if (!draws_) return;
  const int64_t part = std::clamp<int64_t>(done, 0, total) * kWidth / std::max<int64_t>(total, 1);
  const int64_t filled = complete ? kWidth : part;
  fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {}/{} {:<9}", "", filled, "", kWidth - filled, done, total, state);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace claviger::cli
