#pragma once
// A checkpoint seen earlier, looked for in a later export. Its absence means that the log was rolled back or
// rewritten: the one thing an export cannot show by itself.

#include <optional>
#include <string_view>

#include "crypto/digest.h"

namespace claviger::cli {

class ExpectedCheckpoint {
 public:
  // "NUMBER:HASH", the hash as 64 hexadecimal digits; nullopt otherwise.
  static std::optional<ExpectedCheckpoint> Parse(std::string_view text);

  // Takes a line of the export that the reader has accepted.
  void Look(std::string_view line);
  bool WasSeen() const { return seen_; }

 private:
  uint64_t number_ = 0;
  crypto::Digest hash_{};
  bool seen_ = false;
};

}  // namespace claviger::cli
