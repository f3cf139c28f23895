#include "cli/environment_block.h"

#include <algorithm>

namespace claviger::cli {
namespace {

constexpr size_t kMaxVariableBytes = 128 * 1024;  // MAX_ARG_STRLEN of Linux, with the terminating NUL

bool Names(const char* entry, std::string_view name) {
  const std::string_view text(entry);
  return text.size() > name.size() && text[name.size()] == '=' && text.starts_with(name);
}

}  // namespace

EnvironmentBlock::EnvironmentBlock(char** inherited) {
  for (; *inherited; ++inherited) pointers_.push_back(*inherited);
  pointers_.push_back(nullptr);
}

void EnvironmentBlock::Remove(std::string_view name) {
  std::erase_if(pointers_, [&](const char* entry) { return entry && Names(entry, name); });
}

Status EnvironmentBlock::Set(const std::string& name, const SecretBytes& value) {
  if (value.Text().find('\0') != std::string_view::npos) {
    return Invalid("The secret for " + name + " holds a NUL byte and does not fit into the environment");
  }
  const size_t size = name.size() + 1 + value.size() + 1;
  if (size > kMaxVariableBytes) {
    return Invalid("The secret for " + name + " is too long for the environment (over 128 KiB)");
  }
  Remove(name);
  SecretBytes& entry = owned_.emplace_back(size);
  uint8_t* out = std::copy(name.begin(), name.end(), entry.data());
  *out++ = '=';
  out = std::copy_n(value.data(), value.size(), out);
  *out = 0;
  pointers_.insert(pointers_.end() - 1, reinterpret_cast<char*>(entry.data()));
  return Ok();
}

void EnvironmentBlock::Clear() {
  pointers_.assign(1, nullptr);
  owned_.clear();
}

}  // namespace claviger::cli
