#include <openssl/err.h>

#include <algorithm>
#include <charconv>

#include "crypto/audit_merkle.h"
#include "crypto/canonical.h"
#include "crypto/openssl_ptr.h"
#include "crypto/public_key.h"

namespace claviger::crypto {
namespace {

// Microseconds since 1970 in two's complement.
uint64_t TimeField(Time time) { return static_cast<uint64_t>(time.time_since_epoch().count()); }

const std::string kAuditKid = "claviger-audit-v";

// A leaf has room for 32 bytes and a number: the key itself, or the x of its point, and behind the version
// which of them it is.
constexpr int kFormBits = 2;
constexpr uint64_t kEd25519 = 0;
constexpr uint64_t kEvenP256 = 2;
constexpr uint64_t kOddP256 = 3;

// The uncompressed point with that x, or nothing. SEC 1 section 2.3.4.
Bytes PointOf(const Digest& x, uint64_t form) {
  if (form != kEvenP256 && form != kOddP256) return {};
  Bytes compressed{static_cast<uint8_t>(form)};
  compressed.insert(compressed.end(), x.begin(), x.end());
  const EcGroup group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const EcPoint point(group ? EC_POINT_new(group.get()) : nullptr);
  Bytes raw(65);
  if (!point ||
      EC_POINT_oct2point(group.get(), point.get(), compressed.data(), compressed.size(), nullptr) != 1 ||
      EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, raw.data(), raw.size(),
                         nullptr) != raw.size()) {
    ERR_clear_error();
    return {};
  }
  return raw;
}

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

Digest NextKeyTag(uint64_t checkpoint) {
  return Sha256(CanonicalWriter("claviger/audit-next-key/1").Field(checkpoint).bytes());
}

AuditLeaf NextKeyLeaf(const PublicKey& next, uint64_t checkpoint) {
  AuditLeaf leaf{NextKeyTag(checkpoint), uint64_t{AuditKeyVersion(next.kid)} << kFormBits, {}};
  const bool p256 = next.algorithm == SignatureAlgorithm::kEs256;
  if (p256) leaf.count += (next.raw.back() & 1) != 0 ? kOddP256 : kEvenP256;
  std::copy_n(next.raw.begin() + (p256 ? 1 : 0), leaf.head.size(), leaf.head.begin());
  return leaf;
}

std::optional<PublicKey> KeyOfLeaf(const AuditLeaf& leaf) {
  const uint64_t version = leaf.count >> kFormBits;
  const uint64_t form = leaf.count & ((1U << kFormBits) - 1);
  PublicKey key{kAuditKid + std::to_string(version), SignatureAlgorithm::kEdDsa, {}};
  if (AuditKeyVersion(key.kid) == 0) return std::nullopt;
  if (form == kEd25519) {
    key.raw.assign(leaf.head.begin(), leaf.head.end());
  } else {
    key.algorithm = SignatureAlgorithm::kEs256;
    key.raw = PointOf(leaf.head, form);
  }
  return IsSound(key) ? std::optional(std::move(key)) : std::nullopt;
}

uint32_t AuditKeyVersion(std::string_view kid) {
  if (!kid.starts_with(kAuditKid)) return 0;
  const std::string_view digits = kid.substr(kAuditKid.size());
  uint32_t version = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  const bool all = parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size();
  return all && std::to_string(version) == digits ? version : 0;
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
