#pragma once
#include <optional>
#include <string>

#include "cli/files.h"

namespace claviger::cli {

// A text file line by line, of any length in all, with a bound on each line.
class LineReader {
 public:
  LineReader(Fd fd, size_t max_line_bytes, std::string name)
      : fd_(std::move(fd)), max_(max_line_bytes), name_(std::move(name)) {}

  // Without its "\n"; nullopt at the end of the file. kTooLarge for a line over the bound.
  Result<std::optional<std::string>> Next();

 private:
  // False at the end of the file.
  Result<bool> Fill();
  Fd fd_;
  size_t max_;
  std::string name_;
  std::string buffer_;
  size_t used_ = 0;  // bytes of buffer_ already given out
};

}  // namespace claviger::cli
