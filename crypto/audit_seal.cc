#include <algorithm>

#include "crypto/audit_merkle.h"
#include "crypto/canonical.h"

namespace claviger::crypto {
namespace {

// Microseconds since 1970 in two's complement.
uint64_t TimeField(Time time) { return static_cast<uint64_t>(time.time_since_epoch().count()); }

Bytes LeafBytes(const AuditLeaf& leaf) {
  return CanonicalWriter("claviger/audit-leaf/1").Field(leaf.tag).Field(leaf.count).Field(leaf.head).Take();
}

// RFC 9162 section 2.1.1: a leaf is hashed behind 0x00, an inner node behind 0x01, so that neither can pass
// for the other.
Digest LeafHash(ByteView leaf) {
  Bytes input{0x00};
  input.insert(input.end(), leaf.begin(), leaf.end());
  return Sha256(input);
}
Digest NodeHash(const Digest& left, const Digest& right) {
  Bytes input{0x01};
  input.insert(input.end(), left.begin(), left.end());
  input.insert(input.end(), right.begin(), right.end());
  return Sha256(input);
}

}  // namespace

Digest MerkleTreeHash(std::span<const Bytes> entries) {
  if (entries.empty()) return Sha256({});
  if (entries.size() == 1) return LeafHash(entries.front());
  size_t split = 1;  // the largest power of two below the number of entries
  while (split * 2 < entries.size()) split *= 2;
  return NodeHash(MerkleTreeHash(entries.first(split)), MerkleTreeHash(entries.subspan(split)));
}

Bytes CanonicalBytes(const AuditRecord& record) {
  return CanonicalWriter("claviger/audit-record/1")
      .Field(record.id.Bytes())
      .Field(record.org.Bytes())
      .Field(record.actor_type)
      .Field(record.actor_id)
      .Field(record.action)
      .Field(record.resource_type)
      .Field(record.resource_id)
      .Field(record.outcome)
      .Field(record.details)
      .Field(record.ip_address)
      .Field(record.request_id)
      .Field(TimeField(record.created_at))
      .Take();
}

Digest IntegrityHash(const Digest& previous, uint64_t sequence, const AuditRecord& record) {
  return Sha256(CanonicalWriter("claviger/audit-link/1")
                    .Field(previous)
                    .Field(sequence)
                    .Field(ByteView(CanonicalBytes(record)))
                    .bytes());
}

Digest LeafTag(const OrgId& org, uint64_t checkpoint) {
  return Sha256(CanonicalWriter("claviger/audit-tag/1").Field(org.Bytes()).Field(checkpoint).bytes());
}

std::vector<AuditLeaf> SortedByTag(std::vector<AuditLeaf> leaves) {
  std::sort(leaves.begin(), leaves.end(), [](const auto& a, const auto& b) { return a.tag < b.tag; });
  return leaves;
}

Digest MerkleRoot(const std::vector<AuditLeaf>& leaves) {
  std::vector<Bytes> entries;
  entries.reserve(leaves.size());
  for (const AuditLeaf& leaf : SortedByTag(leaves)) entries.push_back(LeafBytes(leaf));
  return MerkleTreeHash(entries);
}

Bytes CheckpointBytes(const AuditCheckpoint& checkpoint) {
  return CanonicalWriter("claviger/audit-checkpoint/1")
      .Field(checkpoint.number)
      .Field(checkpoint.previous)
      .Field(checkpoint.root)
      .Field(checkpoint.total_records)
      .Field(TimeField(checkpoint.created_at))
      .Field(checkpoint.kid)
      .Take();
}

Digest CheckpointHash(const AuditCheckpoint& checkpoint) { return Sha256(CheckpointBytes(checkpoint)); }

}  // namespace claviger::crypto
