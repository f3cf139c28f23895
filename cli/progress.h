#pragma once
// How far something is that goes on at the server: one line on stderr that draws over itself. Where stderr is
// no terminal nothing is drawn.

#include <cstdint>
#include <string_view>

namespace claviger::cli {

class Progress {
 public:
  Progress();
  // Ends the line, if there is one.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of `total`, of which there may be none; what is `complete` has a full bar.
  void Draw(int64_t done, int64_t total, std::string_view state, bool complete);

 private:
  const bool draws_;
  bool drawn_ = false;
};

}  // namespace claviger::cli
