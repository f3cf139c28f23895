#pragma once
// The pieces of a checkpoint that its tests and its export need one by one.

#include <span>
#include <vector>

#include "crypto/audit_seal.h"

namespace claviger::crypto {

// MTH of RFC 9162 section 2.1.1 over entries of any length.
Digest MerkleTreeHash(std::span<const Bytes> entries);
std::vector<AuditLeaf> SortedByTag(std::vector<AuditLeaf> leaves);

// What whoever verifies asks of every checkpoint. A key without a kid is tried for every kid.
bool IsSignedBy(const std::vector<PublicKey>& keys, const AuditCheckpoint& checkpoint);
// Which of them it is, or nullptr.
const PublicKey* SignerOf(const std::vector<PublicKey>& keys, const AuditCheckpoint& checkpoint);
// There are some, they ascend strictly, and they give the signed root.
bool LeavesGiveRoot(const AuditCheckpoint& checkpoint);
// The leaf of that organisation, or nullptr.
const AuditLeaf* LeafOf(const OrgId& org, const AuditCheckpoint& checkpoint);
// The key that it names for the checkpoints behind it; nullopt if it names none, kIntegrity if none that is
// sound.
Result<std::optional<PublicKey>> NextKeyOf(const AuditCheckpoint& checkpoint);

}  // namespace claviger::crypto
