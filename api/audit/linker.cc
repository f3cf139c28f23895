#include "api/audit/linker.h"

#include <algorithm>
#include <set>

#include "api/audit/link_store.h"
#include "api/failure_log.h"
#include "crypto/audit_merkle.h"

namespace claviger::api {
namespace {

using crypto::AuditCheckpoint;
using crypto::PublicKey;
using LinkedRecord = crypto::AuditVerifier::LinkedRecord;
using ChainEnds = std::map<OrgId, link_store::ChainEnd>;

constexpr uint64_t kMaxBatch = 1000;
constexpr int kMaxPages = 10;  // of rows without records in one pass
constexpr std::chrono::minutes kCheckedStep{1};
constexpr std::chrono::minutes kSettled{1};  // records as old as this should have been linked
constexpr std::chrono::minutes kLongestLookBack{60};
constexpr std::chrono::hours kMonthsInterval{1};
constexpr std::chrono::milliseconds kInterval{1000};
constexpr std::chrono::milliseconds kLongestBackoff{5000};

std::vector<OrgId> OrgsOf(const std::vector<crypto::AuditRecord>& records) {
  std::set<OrgId> orgs;
  for (const auto& record : records) orgs.insert(record.org);
  return {orgs.begin(), orgs.end()};
}

// Hangs each record behind the end of its organisation's chain, which moves on.
std::vector<LinkedRecord> Link(std::vector<crypto::AuditRecord> records, ChainEnds& ends) {
  std::vector<LinkedRecord> links;
  links.reserve(records.size());
  for (auto& record : records) {
    link_store::ChainEnd& end = ends[record.org];
    const uint64_t sequence = end.sequence + 1;
    const auto hash = crypto::IntegrityHash(end.hash, sequence, record);
    const EventId id = record.id;
    links.push_back({std::move(record), sequence, end.id, hash});
    end = {sequence, id, hash};
  }
  return links;
}

AuditCheckpoint NextCheckpoint(const std::optional<AuditCheckpoint>& last, const std::vector<OrgId>& orgs,
                               const ChainEnds& ends, uint64_t new_records, Time now) {
  AuditCheckpoint next;
  next.number = last ? last->number + 1 : 1;
  if (last) next.previous = crypto::CheckpointHash(*last);
  next.total_records = (last ? last->total_records : 0) + new_records;
  next.created_at = now;
  for (const auto& org : orgs) {
    const auto& end = ends.at(org);
    next.leaves.push_back({crypto::LeafTag(org, next.number), end.sequence, end.hash});
  }
  return next;
}

Result<PublicKey> Named(const std::string& kid, const std::vector<PublicKey>& keys) {
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const auto& each) { return each.kid == kid; });
  if (key == keys.end()) {
    return MakeError(ErrorKind::kNotFound, "This node does not know the key whose turn it is to seal", kid);
  }
  return *key;
}

// The key of the last checkpoint signs on, unless that one names another: the log itself says which key
// signs, and nodes need not agree. What it says counts only as it was signed. Else somebody who writes to the
// database could have a key sign that nobody named, and the log would never verify again.
Result<PublicKey> SignerBehind(const AuditCheckpoint& last, const std::vector<PublicKey>& keys) {
  TRY(PublicKey signer, Named(last.kid, keys));
  if (!crypto::IsSignedBy({signer}, last) || !crypto::LeavesGiveRoot(last)) {
    return IntegrityFailure("the last checkpoint is not as its key has signed it");
  }
  TRY(const auto next, crypto::NextKeyOf(last));
  if (!next) return signer;
  TRY(PublicKey successor, Named(next->kid, keys));
  if (successor != *next) return IntegrityFailure("the token's key is another than the log names so");
  return successor;
}

}  // namespace

void AuditLinker::Start() {
  thread_.Start([this] { Loop(); });
}

Result<uint64_t> AuditLinker::LinkOnce() {
  TRY(auto lease, parts_.pool.Acquire());
  schema::Connection& connection = *lease;
  TRYV(parts_.watch.Look(connection));
  TRY(auto transaction, connection.Begin());
  TRY(const bool locked, link_store::TryLock(connection));
  if (!locked) return uint64_t{0};

  TRY(auto records, LoadNext(connection));
  if (records.empty()) return uint64_t{0};
  const uint64_t count = records.size();
  const auto orgs = OrgsOf(records);
  TRY(auto ends, link_store::LoadChainEnds(connection, orgs));
  TRY(const auto last, link_store::LoadLastCheckpoint(connection));
  TRYV(link_store::RemovePending(connection, records));

  const auto links = Link(std::move(records), ends);
  auto checkpoint = NextCheckpoint(last, orgs, ends, count, parts_.clock.Now());
  // A leaf stands for a record at least: verifiers have always counted on it.
  TRYV(Sign(last, checkpoint, count > orgs.size()));
  TRYV(link_store::InsertCheckpoint(connection, checkpoint));
  TRYV(link_store::InsertLinks(connection, checkpoint.number, links));
  TRYV(transaction.Commit());
  parts_.watch.Made(checkpoint);
  return count;
}

// A newer key that has settled is named by a leaf here, and signs from the next checkpoint on.
Status AuditLinker::Sign(const std::optional<AuditCheckpoint>& last, AuditCheckpoint& checkpoint,
                         bool may_name_next) {
  TRY(const auto keys, parts_.keyring.PublicKeys(crypto::SigningKey::kAudit));
  if (keys.empty()) return Internal("the keyring has no audit signing key");
  const PublicKey& newest = keys.front();
  PublicKey signer = newest;
  if (last) {
    TRY(signer, SignerBehind(*last, keys));
  }
  checkpoint.kid = signer.kid;
  if (may_name_next && crypto::AuditKeyVersion(newest.kid) > crypto::AuditKeyVersion(signer.kid)) {
    checkpoint.leaves.push_back(crypto::NextKeyLeaf(newest, checkpoint.number));
  }
  checkpoint.leaves = crypto::SortedByTag(std::move(checkpoint.leaves));
  checkpoint.root = crypto::MerkleRoot(checkpoint.leaves);
  TRY(auto signature,
      parts_.keyring.SignAs(crypto::SigningKey::kAudit, checkpoint.kid, crypto::CheckpointBytes(checkpoint)));
  checkpoint.signature = std::move(signature.bytes);
  return Ok();
}

// Rows without records stay at the head of the queue for ever, and must not stand in the way of the others.
Result<std::vector<crypto::AuditRecord>> AuditLinker::LoadNext(schema::Connection& connection) {
  for (int page = 0; page < kMaxPages; ++page) {
    TRY(auto pending, link_store::LoadPending(connection, passed_, kMaxBatch));
    missing_ += pending.missing.size();
    const bool full = pending.records.size() + pending.missing.size() == kMaxBatch;
    const bool more = full && !pending.missing.empty();
    passed_ = more ? pending.last : EventId{};
    if (!more) ReportMissing();
    if (!more || !pending.records.empty()) return std::move(pending.records);
  }
  return std::vector<crypto::AuditRecord>();
}

// Somebody removed records behind the daemon's back. Their rows stay in the queue as evidence.
void AuditLinker::ReportMissing() {
  if (missing_ != reported_missing_ && missing_ != 0) {
    parts_.log.Failure("audit records vanished before they were linked",
                       IntegrityFailure("audit_pending names events that audit_events lacks"),
                       {{"count", std::to_string(missing_)}});
  }
  reported_missing_ = std::exchange(missing_, 0);
}

Result<uint64_t> AuditLinker::RequeueKept() {
  const Time now = parts_.clock.Now();
  if (!checked_) checked_ = now - kLongestLookBack;
  const Time until = *checked_ + kCheckedStep;
  if (now < next_check_ || until > now - kSettled) return uint64_t{0};

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool locked, link_store::TryLock(*lease));
  if (!locked) return uint64_t{0};
  TRY(const auto unlinked, link_store::QueueUnlinked(*lease, *checked_, until, kMaxBatch));
  TRYV(transaction.Commit());
  // What waits may still be taken out of the queue: this minute is looked at again until all of it is linked,
  // but not for ever, or one record that cannot be linked would hide all later ones.
  if (unlinked.all == 0 || until < now - kLongestLookBack) {
    checked_ = until;
  } else {
    next_check_ = now + kCheckedStep;
  }
  return static_cast<uint64_t>(unlinked.queued);
}

Status AuditLinker::MakeMonths() {
  if (parts_.clock.Steady() < next_months_) return Ok();
  next_months_ = parts_.clock.Steady() + kMonthsInterval;
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool locked, link_store::TryLock(*lease));
  if (!locked) return Ok();
  TRY(const auto made, link_store::MakeMonths(*lease));
  TRYV(transaction.Commit());
  if (made > 0) parts_.log.Info("months of the audit log are made", {{"count", std::to_string(made)}});
  return Ok();
}

void AuditLinker::ReportCheck(const Result<uint64_t>& queued) {
  if (!queued.has_value()) {
    if (!check_failing_)
      LogConsequence(parts_.log, "unlinked audit records cannot be looked for", queued.error());
  } else if (queued.value() > 0) {
    parts_.log.Failure("audit records were kept from being linked",
                       IntegrityFailure("neither audit_links nor audit_pending named events of audit_events"),
                       {{"count", std::to_string(queued.value())}});
  }
  check_failing_ = !queued.has_value();
}

void AuditLinker::Loop() {
  std::chrono::milliseconds backoff{0};
  while (!thread_.Stopping()) {
    const auto linked = LinkOnce();
    if (!linked.has_value() && backoff.count() == 0) {
      LogConsequence(parts_.log, "audit records cannot be linked; they wait", linked.error());
    } else if (linked.has_value() && backoff.count() != 0) {
      parts_.log.Info("audit records are linked again");
    }
    if (linked.has_value()) {
      ReportCheck(RequeueKept());
      if (const auto made = MakeMonths(); !made.has_value()) {
        LogConsequence(parts_.log, "months of the audit log cannot be made", made.error());
      }
    }
    if (!linked.has_value()) {
      backoff = backoff.count() == 0 ? kInterval : std::min(2 * backoff, kLongestBackoff);
    } else {
      backoff = {};
      if (linked.value() == kMaxBatch) continue;
    }
    thread_.Rest(std::max(backoff, kInterval));
  }
}

}  // namespace claviger::api
