#include <functional>
#include <set>

#include "crypto/audit_merkle.h"
#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

Bytes AsVector(const Digest& digest) { return {digest.begin(), digest.end()}; }

}  // namespace

TEST_CASE("Record, chain, tag and checkpoint have the documented bytes") {
  const SampleLog log = MakeSampleLog();
  CHECK(CanonicalBytes(log.records[0].record) == KnownAnswer("audit_record"));
  for (size_t i = 0; i < 3; ++i) {
    CHECK(AsVector(log.records[i].integrity_hash) == KnownAnswer("integrity_hash_" + std::to_string(i + 1)));
  }
  CHECK(AsVector(LeafTag(kOrg, 1)) == KnownAnswer("leaf_tag"));
  CHECK(AsVector(log.checkpoints[0].root) == KnownAnswer("checkpoint_root"));
  CHECK(CheckpointBytes(log.checkpoints[0]) == KnownAnswer("checkpoint_bytes"));
  CHECK(AsVector(CheckpointHash(log.checkpoints[0])) == KnownAnswer("checkpoint_hash"));
  CHECK(log.checkpoints[0].signature == KnownAnswer("checkpoint_signature"));
}

TEST_CASE("Every field of a record changes its integrity hash") {
  const AuditRecord record = MakeSampleLog().records[0].record;
  const std::function<void(AuditRecord&)> edits[] = {
      [](AuditRecord& r) { r.id.uuid.data[0] ^= 1; },
      [](AuditRecord& r) { r.org.uuid.data[0] ^= 1; },
      [](AuditRecord& r) { r.actor_type += 'x'; },
      [](AuditRecord& r) { r.actor_id += 'x'; },
      [](AuditRecord& r) { r.action += 'x'; },
      [](AuditRecord& r) { r.resource_type += 'x'; },
      [](AuditRecord& r) { r.resource_id += 'x'; },
      [](AuditRecord& r) { r.outcome += 'x'; },
      [](AuditRecord& r) { r.details += ' '; },
      [](AuditRecord& r) { r.ip_address += 'x'; },
      [](AuditRecord& r) { r.request_id += 'x'; },
      [](AuditRecord& r) { r.created_at += std::chrono::microseconds{1}; },
      [](AuditRecord& r) { std::swap(r.actor_type, r.actor_id); },
  };
  std::set<Digest> seen = {IntegrityHash({}, 1, record)};
  for (const auto& edit : edits) {
    AuditRecord edited = record;
    edit(edited);
    CHECK(seen.insert(IntegrityHash({}, 1, edited)).second);
  }
  Digest previous{};
  previous[31] = 1;
  CHECK(seen.insert(IntegrityHash(previous, 1, record)).second);
  CHECK(seen.insert(IntegrityHash({}, 2, record)).second);
}

TEST_CASE("Every field of a checkpoint but signature and leaves is signed") {
  const AuditCheckpoint checkpoint = MakeSampleLog().checkpoints[0];
  const std::function<void(AuditCheckpoint&)> edits[] = {
      [](AuditCheckpoint& c) { ++c.number; },
      [](AuditCheckpoint& c) { c.previous[0] ^= 1; },
      [](AuditCheckpoint& c) { c.root[0] ^= 1; },
      [](AuditCheckpoint& c) { ++c.total_records; },
      [](AuditCheckpoint& c) { c.kid += 'x'; },
      [](AuditCheckpoint& c) { c.created_at -= std::chrono::hours{1}; },
  };
  std::set<Bytes> seen = {CheckpointBytes(checkpoint)};
  for (const auto& edit : edits) {
    AuditCheckpoint edited = checkpoint;
    edit(edited);
    CHECK(seen.insert(CheckpointBytes(edited)).second);
  }
}

TEST_CASE("Merkle tree hashes are those of the reference log of RFC 6962") {
  std::vector<Bytes> entries;
  const char* inputs[] = {
      "-", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
  CHECK(AsVector(MerkleTreeHash(entries)) == KnownAnswer("merkle_0"));
  for (const char* input : inputs) {
    entries.push_back(Unhex(input));
    CHECK(AsVector(MerkleTreeHash(entries)) == KnownAnswer("merkle_" + std::to_string(entries.size())));
  }
  CHECK(HexEncode(MerkleTreeHash(entries)) ==
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

TEST_CASE("An inner node cannot pass for a leaf") {
  const std::vector<Bytes> two = {{'a'}, {'b'}};
  const Digest left = MerkleTreeHash(std::span(two).first(1));
  const Digest right = MerkleTreeHash(std::span(two).last(1));
  Bytes joined(left.begin(), left.end());
  joined.insert(joined.end(), right.begin(), right.end());
  CHECK(MerkleTreeHash(std::vector<Bytes>{joined}) != MerkleTreeHash(two));
}

TEST_CASE("The root does not depend on the order in which leaves are given") {
  auto leaves = MakeSampleLog().checkpoints[0].leaves;
  REQUIRE(leaves.size() == 2);
  const Digest root = MerkleRoot(leaves);
  std::swap(leaves[0], leaves[1]);
  CHECK(MerkleRoot(leaves) == root);
  ++leaves[0].count;
  CHECK(MerkleRoot(leaves) != root);
}

TEST_CASE("An organisation's tag differs from checkpoint to checkpoint") {
  CHECK(LeafTag(kOrg, 1) != LeafTag(kOrg, 2));
  CHECK(LeafTag(kOrg, 1) != LeafTag(kOtherOrg, 1));
}
