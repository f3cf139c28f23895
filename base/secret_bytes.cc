#include "base/secret_bytes.h"

#include <string.h>

#include <algorithm>

namespace claviger {

void Wipe(void* data, size_t size) {
  if (size != 0) explicit_bzero(data, size);
}

SecretBytes::SecretBytes(size_t size)
    : data_(size != 0 ? new uint8_t[size]() : nullptr), size_(size), allocated_(size) {}

SecretBytes::SecretBytes(ByteView bytes) : SecretBytes(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), data_);
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    Clear();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    allocated_ = std::exchange(other.allocated_, 0);
  }
  return *this;
}

void SecretBytes::Truncate(size_t size) {
  if (size >= size_) return;
  Wipe(data_ + size, size_ - size);
  size_ = size;
}

void SecretBytes::Clear() {
  Wipe(data_, allocated_);
  delete[] data_;
  data_ = nullptr;
  size_ = 0;
  allocated_ = 0;
}

}  // namespace claviger
