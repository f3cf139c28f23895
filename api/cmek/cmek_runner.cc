#include "api/cmek/cmek_runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/cmek/cmek_store.h"
#include "api/failure_log.h"
#include "api/vaults/vaults_store.h"
#include "crypto/envelope.h"

namespace claviger::api {
namespace {

constexpr int64_t kBatch = 100;
constexpr int64_t kBatchBytes = 16 * 1024 * 1024;
constexpr int kMaxPasses = 100;
constexpr int kAttempts = 20;
constexpr const char* kOperation = "rotateCmek";

constexpr const char* kStopped = "The server was stopped. Rotate again with the same keys";
constexpr const char* kLost = "The server that worked on it is gone. Rotate again with the same keys";
constexpr const char* kAway = "The HSM or the database was away. Rotate again with the same keys";
constexpr const char* kBroken = "Something is wrong with the vault's rows; the server's log tells more";

// What its owner may read of it.
std::string Explain(const Error& error) {
  if (error.kind == ErrorKind::kInvalid) return error.detail;
  return Passes(error) ? kAway : kBroken;
}

rotations_store::Claim ClaimOf(const CmekRotation& rotation) {
  rotations_store::Claim claim;
  claim.rotation.id = rotation.id;
  claim.rotation.org = rotation.org;
  claim.rotation.vault = rotation.vault;
  claim.fence = cmek_store::kFirstFence;
  return claim;
}

secrets_store::CmekExchange KeysOf(const CmekRotation& rotation) { return {rotation.from, rotation.to}; }

// What a version will claim to be: the same under the newest KEK, and never sealed anew since.
crypto::SecretIdentity Anew(crypto::SecretIdentity identity, const crypto::WrappedKek& newest) {
  identity.kek_version = newest.identity.version;
  identity.first_kek_version = std::nullopt;
  return identity;
}

}  // namespace

CmekRunner::CmekRunner(CmekConfig config, const Parts& parts)
    : config_(config),
      parts_(parts),
      node_(NewUuidV7(parts.clock, parts.random)),
      rotations_({config.rotations, config.rotations, 1}, [this](std::vector<Job>& jobs) {
        for (const Job& job : jobs) Work(job);
      }) {}

CmekRunner::~CmekRunner() {
  thread_.Stop();
  rotations_.Stop();
}

void CmekRunner::Start() {
  thread_.Start([this] { Loop(); });
}

CmekRunner::Place CmekRunner::Reserve() {
  if (reserved_.fetch_add(1) >= config_.rotations) {
    --reserved_;
    return nullptr;
  }
  return {this, [](CmekRunner* runner) { --runner->reserved_; }};
}

void CmekRunner::Run(Job job) {
  // There is room for as many as have places. After the end of this runner the row fails by its lease.
  static_cast<void>(rotations_.Submit(std::move(job)));
}

// The id of the rotation takes the place of a request's: it leads to all that was done for it.
AuditDraft CmekRunner::Draft(const CmekRotation& rotation, const char* action) const {
  http::Request request;
  request.id = rotation.id.uuid;
  AuditDraft draft(request, action, kOperation);
  draft.SetActor("system", "", rotation.org);
  draft.SetResource("vault", rotation.vault.ToString());
  draft.AddDetail("rotation_id", rotation.id.ToString());
  return draft;
}

void CmekRunner::Work(const Job& job) {
  const Status done = Rotate(job);
  if (done) return;
  parts_.log.Failure("rotation of a customer-managed key failed", done.error(),
                     {{"rotation", job.rotation.id.ToString()}});
  const Status noted = Fail(job, Explain(done.error()));
  if (!noted) parts_.log.Failure("a failed rotation cannot be noted", noted.error());
}

Status CmekRunner::Rotate(const Job& job) {
  Walk walk;
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    Progress progress = Progress::kMore;
    while (progress == Progress::kMore) {
      if (thread_.Stopping()) return Invalid(kStopped);
      TRY(progress, Patiently([&] { return MoveOn(job, walk); }));
    }
    if (progress == Progress::kPassed) {
      TRY(progress, Patiently([&] { return Finish(job, walk.stuck); }));
    }
    if (progress == Progress::kOver) return Ok();
    walk = {.first = false, .after = {}, .stuck = 0};
  }
  return Invalid("Others keep writing with the old key. Stop them, then rotate again with the same keys");
}

// For as long as the lease may last.
template <class Step>
Result<CmekRunner::Progress> CmekRunner::Patiently(const Step& step) {
  for (int attempt = 1;; ++attempt) {
    Result<Progress> progress = step();
    if (progress || !Passes(progress.error()) || attempt == kAttempts || thread_.Stopping()) return progress;
    thread_.Rest(config_.interval);
  }
}

// In each transaction the vault comes before the rotation: its removal, which takes the rotation along, goes
// the same way.
Result<CmekRunner::Progress> CmekRunner::MoveOn(const Job& job, Walk& walk) {
  const CmekRotation& rotation = job.rotation;
  const SteadyTime begun = parts_.clock.Steady();
  crypto::WrappedKek newest;
  std::vector<secrets_store::UnderCmek> versions;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(const auto number, vaults_store::NewestKekVersion(*lease, rotation.org, rotation.vault));
    if (!number) return Progress::kOver;
    TRY(newest, vaults_store::FindKek(*lease, {rotation.org, rotation.vault, *number}));
    TRY(versions, secrets_store::FindUnderCmek(*lease, job.grant, rotation.from, walk.after,
                                               {config_.pace.Batch(kBatch), kBatchBytes}));
  }
  if (versions.empty()) return Progress::kPassed;
  TRY(const auto exchange, Recrypt(job, newest, versions));
  const Time now = parts_.clock.Now();

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool there, vaults_store::Keep(*lease, rotation.org, rotation.vault));
  if (!there) return Progress::kOver;
  TRY(const int64_t exchanged, secrets_store::ExchangeCmek(*lease, job.grant, KeysOf(rotation),
                                                           newest.identity.version, exchange.versions));
  const int64_t settled = exchanged + (walk.first ? exchange.forgotten : 0);
  TRY(const bool mine, rotations_store::Advance(*lease, ClaimOf(rotation), settled, now));
  if (!mine) return Progress::kOver;
  AuditDraft draft = Draft(rotation, "cmek.exchange");
  draft.AddDetail("exchanged", exchanged);
  draft.AddDetail("stuck", exchange.stuck);
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(draft, "success")));
  TRYV(transaction.Commit());
  walk.after = {versions.back().identity.secret, versions.back().identity.version};
  walk.stuck += exchange.stuck;
  if (config_.pace.per_second != 0) thread_.RestUntil(begun + config_.pace.TimeFor(versions.size()));
  return Progress::kMore;
}

// What fails together with others is tried alone, with all remedies, before it counts.
Result<CmekRunner::Exchange> CmekRunner::Recrypt(const Job& job, const crypto::WrappedKek& newest,
                                                 const std::vector<secrets_store::UnderCmek>& versions) {
  std::vector<crypto::SecretToOpen> to_open;
  for (const auto& version : versions) to_open.push_back({version.kek, version.identity, version.sealed});
  auto blobs = crypto::OpenSecrets(parts_.keyring, to_open);

  Exchange exchange;
  std::vector<crypto::SecretIdentity> identities;
  std::vector<SecretBytes> values;
  std::vector<const secrets_store::UnderCmek*> moving;
  for (size_t i = 0; i < versions.size(); ++i) {
    TRY(const auto value, OpenBlob(job, versions[i], std::move(blobs[i])));
    if (!value) {
      ++exchange.stuck;
      if (!versions[i].is_readable) ++exchange.forgotten;
      continue;
    }
    TRY(auto blob, job.to.Seal(parts_.random, value->View()));
    values.push_back(std::move(blob));
    identities.push_back(Anew(versions[i].identity, newest));
    moving.push_back(&versions[i]);
  }
  std::vector<crypto::SecretToSeal> to_seal;
  for (size_t i = 0; i < moving.size(); ++i) to_seal.push_back({newest, identities[i], values[i].View()});
  auto sealed = crypto::SealSecrets(parts_.keyring, parts_.random, to_seal);
  for (size_t i = 0; i < moving.size(); ++i) {
    if (!sealed[i]) {
      TRY(sealed[i],
          crypto::SealSecret(parts_.keyring, parts_.random, newest, identities[i], values[i].View()));
    }
    exchange.versions.push_back({*moving[i], *std::move(sealed[i])});
  }
  return exchange;
}

// nullopt if neither key opens it.
Result<std::optional<SecretBytes>> CmekRunner::OpenBlob(const Job& job,
                                                        const secrets_store::UnderCmek& version,
                                                        std::optional<SecretBytes> blob) {
  if (!blob) {
    auto alone = crypto::OpenSecret(parts_.keyring, version.kek, version.identity, version.sealed);
    if (!alone && alone.error().kind == ErrorKind::kIntegrity) {
      parts_.log.Failure("a secret does not open: somebody changed its row", alone.error(),
                         {{"secret", version.identity.secret.ToString()}});
      return std::nullopt;
    }
    TRY(blob, std::move(alone));
  }
  for (const crypto::CmekKey* key : {&job.from, &job.to}) {
    auto value = key->Open(blob->Text());
    if (value) return std::optional(std::move(value).value());
    if (value.error().kind != ErrorKind::kIntegrity) return value.error();
  }
  return std::nullopt;
}

Result<CmekRunner::Progress> CmekRunner::Finish(const Job& job, int64_t stuck) {
  const CmekRotation& rotation = job.rotation;
  const Time now = parts_.clock.Now();
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool locked, vaults_store::Lock(*lease, job.grant));
  if (!locked) return Progress::kOver;
  TRY(const auto left, secrets_store::CountCmek(*lease, job.grant, KeysOf(rotation)));
  if (left.under_old != stuck) return Progress::kMore;
  const int64_t readable = left.readable_under_old + left.readable_under_other;
  if (readable > 0) {
    return Invalid(
        fmt::format("Secrets that open with neither key: {}. Write them anew, sealed with the old key, then "
                    "rotate again with the same keys",
                    readable));
  }
  TRY(const bool mine, rotations_store::Finish(*lease, ClaimOf(rotation), now));
  if (!mine) return Progress::kOver;
  TRYV(vaults_store::SetCmek(*lease, job.grant, rotation.to));
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(Draft(rotation, "cmek.finish"), "success")));
  TRYV(transaction.Commit());
  parts_.log.Info("rotation of a customer-managed key done", {{"rotation", rotation.id.ToString()}});
  return Progress::kOver;
}

Status CmekRunner::Fail(const Job& job, const std::string& error) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool mine, rotations_store::Fail(*lease, ClaimOf(job.rotation), error, parts_.clock.Now()));
  if (!mine) return Ok();
  AuditDraft draft = Draft(job.rotation, "cmek.fail");
  draft.AddDetail("reason", error);
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(draft, "failed")));
  return transaction.Commit();
}

Status CmekRunner::FailLost() {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const auto lost, cmek_store::FailLost(*lease, kLost, parts_.clock.Now()));
  if (lost.empty()) return Ok();
  for (const CmekRotation& rotation : lost) {
    AuditDraft draft = Draft(rotation, "cmek.fail");
    draft.AddDetail("reason", kLost);
    TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(draft, "failed")));
  }
  return transaction.Commit();
}

void CmekRunner::Loop() {
  bool failing = false;
  while (!thread_.Stopping()) {
    const Status looked = FailLost();
    if (!looked && !failing)
      LogConsequence(parts_.log, "lost rotations cannot be looked for", looked.error());
    failing = !looked;
    thread_.Rest(config_.interval);
  }
}

}  // namespace claviger::api
