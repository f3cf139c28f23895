#include "crypto/hash_memory.h"

#include <sys/mman.h>

namespace claviger::crypto {

HashMemory& HashMemory::OfThisThread() {
  static thread_local HashMemory memory;
  return memory;
}

uint8_t* HashMemory::Take(size_t bytes) {
  if (taken_ || bytes == 0) return nullptr;
  if (size_ < bytes) {
    Unmap();
    void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    data_ = static_cast<uint8_t*>(mapped);
    size_ = bytes;
    madvise(mapped, bytes, MADV_HUGEPAGE);  // a wish: fewer faults and look-ups of pages
    if (madvise(mapped, bytes, MADV_DONTDUMP) != 0) {
      Unmap();
      return nullptr;
    }
  }
  taken_ = true;
  return data_;
}

void HashMemory::GiveBack() {
  taken_ = false;
  if (size_ > kMaxKept) Unmap();
}

void HashMemory::Unmap() {
  if (data_ != nullptr) munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace claviger::crypto
