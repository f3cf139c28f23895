#pragma once
// The environment that a child process gets: ours, changed by secrets. Its bytes are wiped when it goes.

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret_bytes.h"

namespace claviger::cli {

class EnvironmentBlock {
 public:
  // Begins as a view of `inherited` (such as `environ`), which must outlive it.
  explicit EnvironmentBlock(char** inherited);

  void Remove(std::string_view name);
  // Takes the place of an inherited variable of that name. kInvalid, naming only `name`, if the value holds a
  // NUL byte or is longer than Linux lets one variable be (128 KiB).
  Status Set(const std::string& name, const SecretBytes& value);

  // For execve(2): ends with a null pointer.
  char** Pointers() { return pointers_.data(); }
  void Clear();

 private:
  std::vector<SecretBytes> owned_;
  std::vector<char*> pointers_;
};

}  // namespace claviger::cli
