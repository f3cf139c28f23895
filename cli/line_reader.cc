#include "cli/line_reader.h"

#include <unistd.h>

#include <array>
#include <cerrno>

namespace claviger::cli {

Result<bool> LineReader::Fill() {
  std::array<char, 65536> block;
  for (;;) {
    const ssize_t got = read(fd_.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return MakeError(ErrorKind::kInvalid, "Cannot read " + name_ + ": " + ErrnoText());
    buffer_.erase(0, used_);
    used_ = 0;
    buffer_.append(block.data(), static_cast<size_t>(got));
    return got > 0;
  }
}

Result<std::optional<std::string>> LineReader::Next() {
  for (;;) {
    const size_t end = buffer_.find('\n', used_);
    const size_t size = (end == std::string::npos ? buffer_.size() : end) - used_;
    if (size > max_) return MakeError(ErrorKind::kTooLarge, name_ + " has a line that is too long");
    if (end != std::string::npos) {
      std::string line = buffer_.substr(used_, size);
      used_ = end + 1;
      return std::optional(std::move(line));
    }
    TRY(const bool more, Fill());
    if (more) continue;
    if (buffer_.empty()) return std::optional<std::string>();
    std::optional<std::string> rest(std::exchange(buffer_, {}));
    return rest;
  }
}

}  // namespace claviger::cli
