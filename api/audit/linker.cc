#include "api/audit/linker.h"

#include <algorithm>
#include <set>

#include "api/audit/link_store.h"

namespace claviger::api {
namespace {

using crypto::AuditCheckpoint;
using crypto::AuditLeaf;
using LinkedRecord = crypto::AuditVerifier::LinkedRecord;
using ChainEnds = std::map<OrgId, link_store::ChainEnd>;

constexpr uint64_t kMaxBatch = 1000;
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
  std::sort(next.leaves.begin(), next.leaves.end(),
            [](const AuditLeaf& a, const AuditLeaf& b) { return a.tag < b.tag; });
  next.root = crypto::MerkleRoot(next.leaves);
  return next;
}

}  // namespace

AuditLinker::AuditLinker(schema::Pool& pool, crypto::Keyring& keyring, const Clock& clock, const Log& log)
    : pool_(pool), keyring_(keyring), clock_(clock), log_(log) {}

AuditLinker::~AuditLinker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void AuditLinker::Start() {
  thread_ = std::thread([this] { Loop(); });
}

Result<uint64_t> AuditLinker::LinkOnce() {
  TRY(auto lease, pool_.Acquire());
  schema::Connection& connection = *lease;
  TRY(auto transaction, connection.Begin());
  TRY(const bool locked, link_store::TryLock(connection));
  if (!locked) return uint64_t{0};

  TRY(auto pending, link_store::LoadPending(connection, kMaxBatch));
  ReportMissing(pending.missing.size());
  if (pending.records.empty()) return uint64_t{0};
  const uint64_t count = pending.records.size();
  const auto orgs = OrgsOf(pending.records);
  TRY(auto ends, link_store::LoadChainEnds(connection, orgs));
  TRY(const auto last, link_store::LoadLastCheckpoint(connection));
  TRYV(link_store::RemovePending(connection, pending.records));

  const auto links = Link(std::move(pending.records), ends);
  auto checkpoint = NextCheckpoint(last, orgs, ends, count, clock_.Now());
  TRYV(Sign(checkpoint));
  TRYV(link_store::InsertCheckpoint(connection, checkpoint));
  TRYV(link_store::InsertLinks(connection, checkpoint.number, links));
  TRYV(transaction.Commit());
  return count;
}

// The signed bytes name the key, so the key must be known before: if the HSM signed with a newer one than it
// published a moment ago, the second try sees the new name.
Status AuditLinker::Sign(AuditCheckpoint& checkpoint) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    TRY(const auto keys, keyring_.PublicKeys(crypto::SigningKey::kAudit));
    if (keys.empty()) return Internal("the keyring has no audit signing key");
    checkpoint.kid = keys.front().kid;
    TRY(auto signature, keyring_.Sign(crypto::SigningKey::kAudit, crypto::CheckpointBytes(checkpoint)));
    if (signature.kid == checkpoint.kid) {
      checkpoint.signature = std::move(signature.bytes);
      return Ok();
    }
  }
  return Internal("the audit signing key changed twice");
}

// Somebody removed records behind the daemon's back. They stay in the queue as evidence.
void AuditLinker::ReportMissing(size_t missing) {
  if (missing != missing_ && missing != 0) {
    log_.Failure("audit records vanished before they were linked",
                 IntegrityFailure("audit_pending names events that audit_events lacks"),
                 {{"count", std::to_string(missing)}});
  }
  missing_ = missing;
}

void AuditLinker::Loop() {
  std::chrono::milliseconds backoff{0};
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const auto linked = LinkOnce();
    if (!linked.has_value() && backoff.count() == 0) {
      log_.Failure("audit records cannot be linked; they wait", linked.error());
    } else if (linked.has_value() && backoff.count() != 0) {
      log_.Info("audit records are linked again");
    }
    lock.lock();
    if (!linked.has_value()) {
      backoff = backoff.count() == 0 ? kInterval : std::min(2 * backoff, kLongestBackoff);
    } else {
      backoff = {};
      if (linked.value() == kMaxBatch) continue;
    }
    wake_.wait_for(lock, std::max(backoff, kInterval), [this] { return stopping_; });
  }
}

}  // namespace claviger::api
