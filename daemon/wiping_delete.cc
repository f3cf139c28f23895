#include "daemon/wiping_delete.h"

// The sanitizers bring an allocator of their own, whose checks this would defeat.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CLAVIGER_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CLAVIGER_SANITIZED
#endif

#ifndef CLAVIGER_SANITIZED

#include <malloc.h>
#include <string.h>

#include <cstdlib>
#include <new>

namespace {

void WipeAndFree(void* block) noexcept {
  if (block == nullptr) return;
  // All forms of operator new of the standard library take from malloc.
  explicit_bzero(block, malloc_usable_size(block));
  std::free(block);
}

}  // namespace

void operator delete(void* block) noexcept { WipeAndFree(block); }
void operator delete[](void* block) noexcept { WipeAndFree(block); }
void operator delete(void* block, std::size_t) noexcept { WipeAndFree(block); }
void operator delete[](void* block, std::size_t) noexcept { WipeAndFree(block); }
void operator delete(void* block, std::align_val_t) noexcept { WipeAndFree(block); }
void operator delete[](void* block, std::align_val_t) noexcept { WipeAndFree(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { WipeAndFree(block); }
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { WipeAndFree(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { WipeAndFree(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { WipeAndFree(block); }
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept { WipeAndFree(block); }
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept { WipeAndFree(block); }

namespace claviger::daemon {

void TuneMalloc() {
  constexpr int kMiB = 1024 * 1024;
  mallopt(M_MMAP_THRESHOLD, 16 * kMiB);
  mallopt(M_TRIM_THRESHOLD, 32 * kMiB);
  mallopt(M_TOP_PAD, kMiB);
}

}  // namespace claviger::daemon

#else

namespace claviger::daemon {

void TuneMalloc() {}

}  // namespace claviger::daemon

#endif
