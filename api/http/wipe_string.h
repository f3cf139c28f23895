#pragma once
// Strings that held bodies are overwritten before their memory goes back.

#include <algorithm>
#include <string>
#include <string_view>

#include "base/secret_bytes.h"

namespace claviger::api::http {

inline void WipeString(std::string& text) {
  Wipe(text.data(), text.size());
  text.clear();
}

// Appends without leaving a copy behind in the block that was too small.
inline void AppendWiping(std::string& text, std::string_view more) {
  if (text.size() + more.size() > text.capacity()) {
    std::string larger;
    larger.reserve(std::max(2 * text.capacity(), text.size() + more.size()));
    larger.append(text);
    WipeString(text);
    text = std::move(larger);
  }
  text.append(more);
}

}  // namespace claviger::api::http
