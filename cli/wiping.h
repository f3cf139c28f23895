#pragma once
// Text that had to be a std::string for a while (a JSON body with a value in it) and must not stay in memory.

#include <string>

#include "base/secret_bytes.h"

namespace claviger::cli {

class Wiping {
 public:
  explicit Wiping(std::string& text) : text_(text) {}
  ~Wiping() { Wipe(text_.data(), text_.size()); }
  Wiping(const Wiping&) = delete;
  Wiping& operator=(const Wiping&) = delete;

 private:
  std::string& text_;
};

}  // namespace claviger::cli
