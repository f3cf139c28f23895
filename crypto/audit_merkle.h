#pragma once
// The pieces of a checkpoint that its tests and its export need one by one.

#include <span>
#include <vector>

#include "crypto/audit_seal.h"

namespace claviger::crypto {

// MTH of RFC 9162 section 2.1.1 over entries of any length.
Digest MerkleTreeHash(std::span<const Bytes> entries);
std::vector<AuditLeaf> SortedByTag(std::vector<AuditLeaf> leaves);

}  // namespace claviger::crypto
