#pragma once
// What goes to standard error while this lives, where the log goes.

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

namespace claviger::testing {

class CapturedStderr {
 public:
  CapturedStderr() : file_(memfd_create("stderr", MFD_CLOEXEC)), saved_(dup(STDERR_FILENO)) {
    REQUIRE(dup2(file_, STDERR_FILENO) == STDERR_FILENO);
  }
  ~CapturedStderr() {
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    close(file_);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;

  // How often a text stands in it.
  int Count(const std::string& text) const {
    const std::string all = Text();
    int count = 0;
    for (size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++count;
    return count;
  }

 private:
  std::string Text() const {
    std::string all(static_cast<size_t>(lseek(file_, 0, SEEK_END)), '\0');
    REQUIRE(pread(file_, all.data(), all.size(), 0) == static_cast<ssize_t>(all.size()));
    return all;
  }

  const int file_;
  const int saved_;
};

}  // namespace claviger::testing
