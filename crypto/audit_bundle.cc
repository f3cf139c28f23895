#include "crypto/audit_bundle.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/audit_merkle.h"
#include "crypto/jws.h"

namespace claviger::crypto {
namespace {

template <class... Args>
Error Refusal(fmt::format_string<Args...> format, Args&&... args) {
  return MakeError(ErrorKind::kIntegrity, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace

BundleVerifier::BundleVerifier(OrgId org, BundlePeriod period, std::vector<PublicKey> keys)
    : org_(org), period_(period), keys_(std::move(keys)), last_id_(period.previous_id) {}

Status BundleVerifier::AddKeys(std::string_view jwks) {
  if (has_keys_ || first_checkpoint_ != 0 || records_ != 0) return Refusal("The keys stand in another place");
  const auto named = ParsePublicKeys(jwks);
  if (!named || JwksJson(named.value()) != jwks) return Refusal("The keys are not spelled as they should be");
  for (const PublicKey& key : named.value()) {
    const bool given = std::any_of(keys_.begin(), keys_.end(), [&](const PublicKey& known) {
      return known.algorithm == key.algorithm && known.raw == key.raw &&
             (known.kid.empty() || known.kid == key.kid);
    });
    if (!given) return Refusal("The bundle names the key {}, which was not given", key.kid);
  }
  has_keys_ = true;
  return Ok();
}

Status BundleVerifier::AddCheckpoint(const AuditCheckpoint& checkpoint) {
  const uint64_t number = checkpoint.number;
  if (ended_) return Refusal("Checkpoint {} stands behind the last one", number);
  if (!IsSignedBy(keys_, checkpoint)) return Refusal("Checkpoint {} is not signed by a given key", number);
  if (!LeavesGiveRoot(checkpoint)) {
    return Refusal("The leaves of checkpoint {} do not give its signed root", number);
  }
  const AuditLeaf* own = LeafOf(org_, checkpoint);
  if (own == nullptr) return Refusal("Checkpoint {} says nothing of this organisation", number);
  return records_ == 0 && first_checkpoint_ == 0 ? Begin(checkpoint, *own) : End(checkpoint, *own);
}

Status BundleVerifier::Begin(const AuditCheckpoint& checkpoint, const AuditLeaf& own) {
  if (checkpoint.created_at >= period_.from) {
    return Refusal("Checkpoint {} was made when the period had begun", checkpoint.number);
  }
  first_checkpoint_ = checkpoint.number;
  first_key_ = AuditKeyVersion(checkpoint.kid);
  count_ = own.count;
  head_ = own.head;
  return Ok();
}

Status BundleVerifier::End(const AuditCheckpoint& checkpoint, const AuditLeaf& own) {
  const uint64_t number = checkpoint.number;
  if (number <= first_checkpoint_) return Refusal("Checkpoint {} stands in another place", number);
  if (AuditKeyVersion(checkpoint.kid) < first_key_) {
    return Refusal("Checkpoint {} is signed by a key that the first one shows to be exchanged", number);
  }
  if (checkpoint.created_at <= period_.to) {
    return Refusal("Checkpoint {} was made before the period's end", number);
  }
  if (own.count != count_) {
    return Refusal("Checkpoint {} seals {} records of the chain, {} are here: cut off", number, own.count,
                   count_);
  }
  if (own.head != head_) return Refusal("The records are not those that checkpoint {} sealed", number);
  ended_ = AuditVerifier::Summary{records_,       number, checkpoint.created_at, CheckpointHash(checkpoint),
                                  checkpoint.kid, {}};
  return Ok();
}

Status BundleVerifier::AddRecord(const AuditVerifier::LinkedRecord& linked) {
  if (ended_) return Refusal("Record {} stands behind the last checkpoint", linked.sequence);
  const uint64_t sequence = count_ + 1;
  if (linked.sequence != sequence) {
    return Refusal("Record {} stands where {} belongs: missing, repeated or reordered", linked.sequence,
                   sequence);
  }
  if (!(linked.record.org == org_)) return Refusal("Record {} is of another organisation", sequence);
  if (linked.previous_id != last_id_ || linked.previous_id.has_value() != (sequence > 1)) {
    return Refusal("Record {} does not name the record before it", sequence);
  }
  if (IntegrityHash(head_, sequence, linked.record) != linked.integrity_hash) {
    return Refusal("Record {} or one before it was edited: its integrity hash is wrong", sequence);
  }
  count_ = sequence;
  head_ = linked.integrity_hash;
  last_id_ = linked.record.id;
  ++records_;
  return Ok();
}

Result<AuditVerifier::Summary> BundleVerifier::Finish() const {
  if (!has_keys_) return Refusal("The bundle names no keys");
  if (!ended_) return Refusal("The bundle is cut off: no checkpoint from behind the period ends it");
  return *ended_;
}

}  // namespace claviger::crypto
