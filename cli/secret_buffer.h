#pragma once
// Collects secret bytes of unknown length; what it outgrows is wiped.

#include <algorithm>

#include "base/secret_bytes.h"

namespace claviger::cli {

class SecretBuffer {
 public:
  explicit SecretBuffer(size_t max_bytes) : max_(max_bytes) {}

  // False, and nothing appended, if the limit would be passed.
  bool Append(ByteView bytes) {
    if (bytes.size() > max_ - used_) return false;
    if (used_ + bytes.size() > bytes_.size()) Grow(used_ + bytes.size());
    std::copy(bytes.begin(), bytes.end(), bytes_.data() + used_);
    used_ += bytes.size();
    return true;
  }
  size_t size() const { return used_; }
  SecretBytes Take() {
    bytes_.Truncate(used_);
    used_ = 0;
    return std::move(bytes_);
  }

 private:
  void Grow(size_t needed) {
    SecretBytes larger(std::max<size_t>({needed, bytes_.size() * 2, 4096}));
    std::copy_n(bytes_.data(), used_, larger.data());
    bytes_ = std::move(larger);
  }

  const size_t max_;
  size_t used_ = 0;
  SecretBytes bytes_;
};

}  // namespace claviger::cli
