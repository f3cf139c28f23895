#include <fmt/format.h>

#include <algorithm>

#include "crypto/audit_merkle.h"
#include "crypto/jws.h"

namespace claviger::crypto {
namespace {

// What the verifier says is its product: numbers and verdicts of an export that the reader already holds.
template <class... Args>
Error Refusal(fmt::format_string<Args...> format, Args&&... args) {
  return MakeError(ErrorKind::kIntegrity, fmt::format(format, std::forward<Args>(args)...));
}

const AuditLeaf* LeafTagged(const Digest& tag, const AuditCheckpoint& checkpoint) {
  const auto found = std::find_if(checkpoint.leaves.begin(), checkpoint.leaves.end(),
                                  [&](const AuditLeaf& leaf) { return leaf.tag == tag; });
  return found == checkpoint.leaves.end() ? nullptr : &*found;
}

}  // namespace

const PublicKey* SignerOf(const std::vector<PublicKey>& keys, const AuditCheckpoint& checkpoint) {
  const Bytes message = CheckpointBytes(checkpoint);
  const auto signer = std::find_if(keys.begin(), keys.end(), [&](const PublicKey& key) {
    return (key.kid.empty() || key.kid == checkpoint.kid) &&
           VerifySignature(key, message, checkpoint.signature);
  });
  return signer == keys.end() ? nullptr : &*signer;
}

bool IsSignedBy(const std::vector<PublicKey>& keys, const AuditCheckpoint& checkpoint) {
  return SignerOf(keys, checkpoint) != nullptr;
}

bool LeavesGiveRoot(const AuditCheckpoint& checkpoint) {
  const auto& leaves = checkpoint.leaves;
  const bool ascend = std::adjacent_find(leaves.begin(), leaves.end(), [](const auto& a, const auto& b) {
                        return !(a.tag < b.tag);
                      }) == leaves.end();
  return !leaves.empty() && ascend && MerkleRoot(leaves) == checkpoint.root;
}

const AuditLeaf* LeafOf(const OrgId& org, const AuditCheckpoint& checkpoint) {
  return LeafTagged(LeafTag(org, checkpoint.number), checkpoint);
}

Result<std::optional<PublicKey>> NextKeyOf(const AuditCheckpoint& checkpoint) {
  const AuditLeaf* leaf = LeafTagged(NextKeyTag(checkpoint.number), checkpoint);
  if (leaf == nullptr) return std::optional<PublicKey>();
  auto key = KeyOfLeaf(*leaf);
  if (!key) return Refusal("Checkpoint {} names a next key that is none", checkpoint.number);
  return key;
}

AuditVerifier::AuditVerifier(OrgId org, std::vector<PublicKey> keys) : org_(org), keys_(std::move(keys)) {}

Status AuditVerifier::CheckCheckpoint(const AuditCheckpoint& checkpoint) const {
  const uint64_t number = checkpoint.number;
  if (number != checkpoints_ + 1) {
    return Refusal("Checkpoint {} stands where {} belongs: missing, repeated or reordered", number,
                   checkpoints_ + 1);
  }
  if (checkpoint.previous != last_checkpoint_) {
    return Refusal("Checkpoint {} does not continue checkpoint {}", number, number - 1);
  }
  if (signers_.empty() && !IsSignedBy(keys_, checkpoint)) {
    return Refusal("Checkpoint {} is not signed by a given key", number);
  }
  if (!signers_.empty() && !IsSignedBy({signers_.back()}, checkpoint)) {
    return Refusal("Checkpoint {} is not signed by the key of the one before, or the one that it names",
                   number);
  }
  if (!LeavesGiveRoot(checkpoint)) {
    return Refusal("The leaves of checkpoint {} do not give its signed root", number);
  }
  // A leaf stands for at least one new record.
  if (checkpoint.total_records < total_records_ ||
      checkpoint.total_records - total_records_ < checkpoint.leaves.size()) {
    return Refusal("Checkpoint {} counts too few records", number);
  }
  const AuditLeaf* own = LeafOf(org_, checkpoint);
  const uint64_t counted = milestones_.empty() ? 0 : milestones_.back().count;
  if (own != nullptr && own->count <= counted) {
    return Refusal("Checkpoint {} counts {} records after {} were counted before", number, own->count,
                   counted);
  }
  return Ok();
}

// Whose signature the next checkpoint must carry, now that this one has proved good.
Status AuditVerifier::FindSigner(const AuditCheckpoint& checkpoint) {
  if (signers_.empty()) {
    signers_.push_back(*SignerOf(keys_, checkpoint));
    signers_.back().kid = checkpoint.kid;  // a PEM file has none
  }
  TRY(const auto next, NextKeyOf(checkpoint));
  if (next) signers_.push_back(*next);
  return Ok();
}

Status AuditVerifier::AddCheckpoint(const AuditCheckpoint& checkpoint) {
  if (refused_) return Refusal("The log was already refused");
  if (records_ != 0) {
    refused_ = true;
    return Refusal("Checkpoint {} stands behind records", checkpoint.number);
  }
  auto status = CheckCheckpoint(checkpoint);
  if (status) status = FindSigner(checkpoint);
  if (!status) {
    refused_ = true;
    return status;
  }
  if (const AuditLeaf* own = LeafOf(org_, checkpoint)) {
    milestones_.push_back({checkpoint.number, own->count, own->head});
  }
  checkpoints_ = checkpoint.number;
  total_records_ = checkpoint.total_records;
  last_checkpoint_ = CheckpointHash(checkpoint);
  last_kid_ = checkpoint.kid;
  sealed_until_ = checkpoint.created_at;
  return Ok();
}

Status AuditVerifier::CheckRecord(const LinkedRecord& linked) const {
  const uint64_t sequence = records_ + 1;
  if (linked.sequence != sequence) {
    return Refusal("Record {} stands where {} belongs: missing, repeated or reordered", linked.sequence,
                   sequence);
  }
  if (!(linked.record.org == org_)) return Refusal("Record {} is of another organisation", sequence);
  if (linked.previous_id != last_id_) {
    return Refusal("Record {} does not name the record before it", sequence);
  }
  if (IntegrityHash(head_, sequence, linked.record) != linked.integrity_hash) {
    return Refusal("Record {} or one before it was edited: its integrity hash is wrong", sequence);
  }
  if (next_milestone_ == milestones_.size()) return Refusal("No checkpoint covers record {}", sequence);
  const Milestone& next = milestones_[next_milestone_];
  if (next.count == sequence && next.head != linked.integrity_hash) {
    return Refusal("Records up to {} are not those that checkpoint {} sealed", sequence, next.checkpoint);
  }
  return Ok();
}

Status AuditVerifier::AddRecord(const LinkedRecord& linked) {
  if (refused_) return Refusal("The log was already refused");
  if (auto status = CheckRecord(linked); !status) {
    refused_ = true;
    return status;
  }
  ++records_;
  head_ = linked.integrity_hash;
  last_id_ = linked.record.id;
  if (milestones_[next_milestone_].count == records_) ++next_milestone_;
  return Ok();
}

Result<AuditVerifier::Summary> AuditVerifier::Finish() const {
  if (refused_) return Refusal("The log was already refused");
  if (next_milestone_ != milestones_.size()) {
    const uint64_t sealed = milestones_.back().count;
    return Refusal("The log is cut off: {} records are sealed, {} are here", sealed, records_);
  }
  return Summary{records_, checkpoints_, sealed_until_, last_checkpoint_, last_kid_, signers_};
}

}  // namespace claviger::crypto
