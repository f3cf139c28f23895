#pragma once
// The newest checkpoint that a node has seen, in a file beside the database. docs/FORMATS.md.

#include <optional>
#include <string>

#include "base/error.h"
#include "crypto/audit_seal.h"

namespace claviger::api {

struct CheckpointMark {
  uint64_t number = 0;  // 0: none was seen
  crypto::Digest hash{};

  static CheckpointMark Of(const crypto::AuditCheckpoint& checkpoint);
  // "12:9fd0...", as `claviger audit verify` prints it.
  std::string ToString() const;
  friend bool operator==(const CheckpointMark&, const CheckpointMark&) = default;
};

// nullopt if there is no file yet. kInvalid, naming the path, unless `directory` belongs to this user or root
// and nobody else may write to it, and the file is a regular one of this user that nobody else can touch,
// spelled as WriteMark spells it.
Result<std::optional<CheckpointMark>> ReadMark(const std::string& directory);

// In place of the one before, atomically; on the disk when it returns. kUnavailable if that fails.
Status WriteMark(const std::string& directory, const CheckpointMark& mark);

}  // namespace claviger::api
