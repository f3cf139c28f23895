#pragma once
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace claviger::fuzz {

// A property that must hold for every input; its failure is the fuzzer's find.
inline void Require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "property broken: %s\n", property);
  std::abort();
}

inline std::string_view Text(const unsigned char* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace claviger::fuzz
