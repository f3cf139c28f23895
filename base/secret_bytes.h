#pragma once
// Bytes that must not outlive their use: moved, never copied; wiped when they go; not printable.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/bytes.h"

namespace claviger {

// Overwrites memory in a way the compiler may not remove.
void Wipe(void* data, size_t size);

class SecretBytes {
 public:
  SecretBytes() = default;
  // Zero-filled.
  explicit SecretBytes(size_t size);
  // Copies; the source stays the caller's to wipe.
  explicit SecretBytes(ByteView bytes);
  explicit SecretBytes(std::string_view text) : SecretBytes(AsBytes(text)) {}
  ~SecretBytes() { Clear(); }

  SecretBytes(SecretBytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        allocated_(std::exchange(other.allocated_, 0)) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  // A deliberate second copy.
  SecretBytes Clone() const { return SecretBytes(View()); }

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteView View() const { return {data_, size_}; }
  std::string_view Text() const { return AsText(View()); }
  // Shortens; the cut-off tail is wiped at once.
  void Truncate(size_t size);
  // Wipes and releases.
  void Clear();

  friend bool operator==(const SecretBytes& a, const SecretBytes& b) {
    return EqualConstantTime(a.View(), b.View());
  }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t allocated_ = 0;
};

}  // namespace claviger
