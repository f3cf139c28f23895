#include "api/rotations/rotation_runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/failure_log.h"
#include "api/rotations/root_store.h"
#include "api/rotations/rotations.h"
#include "api/vaults/vaults_store.h"

namespace claviger::api {
namespace {

constexpr int64_t kBatch = 100;
constexpr int64_t kDueBatch = 100;
constexpr std::chrono::milliseconds kInterval{1000};
constexpr std::chrono::minutes kDueInterval{10};
constexpr const char* kOperation = "rotateVault";

crypto::KekIdentity NewestKek(const Rotation& rotation) {
  return {rotation.org, rotation.vault, *rotation.key_version};
}

Error Unopenable(const crypto::SecretIdentity& identity, Error error) {
  if (error.kind != ErrorKind::kIntegrity) return error;
  error.detail = fmt::format(
      "Version {} of the secret {} does not open: somebody changed its row. Restore the row, then resume the "
      "rotation",
      identity.version, identity.secret.ToString());
  return error;
}

bool NeedsCustomer(const crypto::WrappedKek& newest, const std::vector<secrets_store::Outdated>& versions) {
  return newest.customer || std::any_of(versions.begin(), versions.end(),
                                        [](const auto& version) { return version.kek.customer.has_value(); });
}

// The id of the rotation takes the place of a request's: it leads to all that was done for it.
AuditDraft Draft(const Rotation& rotation, const char* action) {
  http::Request request;
  request.id = rotation.id.uuid;
  AuditDraft draft(request, action, kOperation);
  draft.SetActor("system", "", rotation.org);
  draft.SetResource("vault", rotation.vault.ToString());
  draft.AddDetail("rotation_id", rotation.id.ToString());
  if (rotation.key_version) draft.AddDetail("key_version", *rotation.key_version);
  return draft;
}

}  // namespace

Result<bool> StartUnasked(schema::Connection& connection, const RotationRunner::Parts& parts,
                          const rotations_store::DueVault& due, std::string_view by) {
  const Time now = parts.clock.Now();
  Rotation rotation;
  rotation.id = RotationId{NewUuidV7(now, parts.random)};
  rotation.org = due.org;
  rotation.vault = due.vault;
  rotation.requested_by = by;
  rotation.created_at = now;
  AuditDraft draft = Draft(rotation, "rotation.start");
  draft.AddDetail("requested_by", by);
  const auto committed = connection.RunTogether(
      {rotations_store::Insert(rotation), rotations_store::Prune(due.org, due.vault, kKeptRotations),
       parts.audit.InsertCall(parts.audit.Finish(draft, "success"))});
  if (committed) return true;
  // Another node, or a person, was quicker, or the vault is gone.
  if (committed.error().kind == ErrorKind::kConflict) return false;
  return committed.error();
}

RotationRunner::RotationRunner(RotationConfig config, const Parts& parts)
    : config_(config), parts_(parts), node_(NewUuidV7(parts.clock, parts.random)) {}

void RotationRunner::Start() {
  thread_.Start([this] { Loop(); });
}

Result<bool> RotationRunner::RunOne() {
  std::optional<Claim> claim;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(const bool can, root_store::CanWork(*lease, parts_.keyring));
    if (!can) return false;
    TRY(claim, rotations_store::TakeNext(*lease, node_, parts_.clock.Now()));
  }
  if (!claim) return false;
  while (!thread_.Stopping()) {
    const auto progress = Step(*claim);
    if (!progress) {
      if (Passes(progress.error())) return progress.error();
      TRY(const bool mine, Fail(*claim, progress.error()));
      if (!mine) return true;  // it went with its vault, or is somebody else's by now
      return progress.error();
    }
    if (progress.value() == Progress::kOver) return true;
  }
  TRY(auto lease, parts_.pool.Acquire());
  TRYV(rotations_store::Release(*lease, *claim));
  return true;
}

// If this fails the lease ends by itself.
void RotationRunner::Yield(const Claim& claim) {
  auto lease = parts_.pool.Acquire();
  if (lease) (void)rotations_store::Release(*lease.value(), claim);
}

Result<RotationRunner::Progress> RotationRunner::Step(Claim& claim) {
  const Rotation& rotation = claim.rotation;
  const SteadyTime begun = parts_.clock.Steady();
  if (!rotation.key_version) return MakeKey(claim);
  crypto::WrappedKek newest;
  std::vector<secrets_store::Outdated> versions;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(newest, vaults_store::FindKek(*lease, NewestKek(rotation)));
    TRY(versions, secrets_store::FindOutdated(*lease, rotation.org, rotation.vault, *rotation.key_version,
                                              config_.pace.Batch(kBatch)));
  }
  if (versions.empty()) return Finish(claim);
  auto resealed = Reseal(claim, newest, versions);
  // Perhaps another node reaches the customer's token.
  if (!resealed && Passes(resealed.error()) && NeedsCustomer(newest, versions)) Yield(claim);
  TRY(const auto progress, std::move(resealed));
  if (config_.pace.per_second != 0) thread_.RestUntil(begun + config_.pace.TimeFor(versions.size()));
  return progress;
}

// In each transaction the vault comes before the rotation: its removal, which takes the rotation along, goes
// the same way.
Result<RotationRunner::Progress> RotationRunner::MakeKey(Claim& claim) {
  Rotation rotation = claim.rotation;
  std::optional<uint32_t> current;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(current, vaults_store::NewestKekVersion(*lease, rotation.org, rotation.vault));
  }
  if (!current) return Progress::kOver;
  rotation.key_version = *current + 1;
  const Time now = parts_.clock.Now();
  TRY(const auto kek, parts_.keyring.GenerateKek(NewestKek(rotation)));

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool advanced, vaults_store::AdvanceKek(*lease, kek, now));
  if (!advanced) return Progress::kOver;
  TRY(rotation.total,
      secrets_store::CountOutdated(*lease, rotation.org, rotation.vault, *rotation.key_version));
  TRY(const bool mine, rotations_store::Begin(*lease, claim, *rotation.key_version, rotation.total, now));
  if (!mine) return Progress::kOver;
  AuditDraft draft = Draft(rotation, "rotation.begin");
  draft.AddDetail("total", rotation.total);
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(draft, "success")));
  TRYV(transaction.Commit());
  claim.rotation = rotation;
  return Progress::kMore;
}

Result<RotationRunner::Progress> RotationRunner::Reseal(
    const Claim& claim, const crypto::WrappedKek& newest,
    const std::vector<secrets_store::Outdated>& versions) {
  const Rotation& rotation = claim.rotation;
  TRY(const auto resealed, ResealKeys(newest, versions));
  const Time now = parts_.clock.Now();

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool there, vaults_store::Keep(*lease, rotation.org, rotation.vault));
  if (!there) return Progress::kOver;
  TRY(const int64_t count,
      secrets_store::Reseal(*lease, rotation.org, rotation.vault, *rotation.key_version, resealed));
  TRY(const bool mine, rotations_store::Advance(*lease, claim, count, now));
  if (!mine) return Progress::kOver;
  if (count == 0) return IntegrityFailure("versions of a vault cannot be moved to its newest KEK");
  AuditDraft draft = Draft(rotation, "rotation.reseal");
  draft.AddDetail("resealed", count);
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(draft, "success")));
  TRYV(transaction.Commit());
  return Progress::kMore;
}

// What fails together with others is tried alone, with all remedies, before it counts.
Result<std::vector<secrets_store::Resealed>> RotationRunner::ResealKeys(
    const crypto::WrappedKek& newest, const std::vector<secrets_store::Outdated>& versions) {
  std::vector<crypto::SecretToReseal> wanted;
  for (const auto& version : versions) wanted.push_back({version.kek, version.identity, version.dek, newest});
  auto deks = crypto::ResealDeks(parts_.keyring, wanted);
  std::vector<secrets_store::Resealed> resealed;
  for (size_t i = 0; i < versions.size(); ++i) {
    if (!deks[i]) {
      auto alone = crypto::ResealDek(parts_.keyring, wanted[i]);
      if (!alone) return Unopenable(versions[i].identity, alone.error());
      deks[i] = std::move(alone).value();
    }
    resealed.push_back({versions[i], *std::move(deks[i])});
  }
  return resealed;
}

Result<RotationRunner::Progress> RotationRunner::Finish(const Claim& claim) {
  const Rotation& rotation = claim.rotation;
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool there, vaults_store::Keep(*lease, rotation.org, rotation.vault));
  if (!there) return Progress::kOver;
  TRY(const int64_t left,
      secrets_store::CountOutdated(*lease, rotation.org, rotation.vault, *rotation.key_version));
  if (left > 0) return Progress::kMore;
  TRY(const bool mine, rotations_store::Finish(*lease, claim, parts_.clock.Now()));
  if (!mine) return Progress::kOver;
  TRYV(vaults_store::RemoveOlderKeks(*lease, NewestKek(rotation)));
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(Draft(rotation, "rotation.finish"), "success")));
  const auto committed = transaction.Commit();
  // A writer who still held an older key came first: there is one more to seal anew.
  if (!committed && committed.error().kind == ErrorKind::kConflict) return Progress::kMore;
  TRYV(committed);
  parts_.keyring.ForgetKeks(rotation.vault);
  parts_.log.Info("rotation done", {{"rotation", rotation.id.ToString()}});
  return Progress::kOver;
}

Result<bool> RotationRunner::Fail(const Claim& claim, const Error& error) {
  const Rotation& rotation = claim.rotation;
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool mine, rotations_store::Fail(*lease, claim, error.detail.substr(0, 255), parts_.clock.Now()));
  if (!mine) return false;
  AuditDraft draft = Draft(rotation, "rotation.fail");
  draft.AddDetail("reason", error.detail);
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(draft, "failed")));
  TRYV(transaction.Commit());
  return true;
}

Result<int64_t> RotationRunner::StartDue() {
  if (config_.vault_days == 0) return int64_t{0};
  const Time now = parts_.clock.Now();
  TRY(auto lease, parts_.pool.Acquire());
  TRY(const auto due,
      rotations_store::FindDue(*lease, now - std::chrono::hours(24) * config_.vault_days, kDueBatch));
  int64_t count = 0;
  for (const auto& vault : due) {
    TRY(const bool started, StartUnasked(*lease, parts_, vault, kBySchedule));
    if (started) ++count;
  }
  return count;
}

void RotationRunner::Loop() {
  bool failing = false;
  while (!thread_.Stopping()) {
    Result<bool> worked = RunOne();
    if (worked.has_value() && parts_.clock.Steady() >= due_at_) {
      due_at_ = parts_.clock.Steady() + kDueInterval;
      const auto started = StartDue();
      if (!started.has_value()) worked = started.error();
    }
    if (!worked.has_value() && (!failing || !Passes(worked.error()))) {
      LogConsequence(parts_.log, "rotation cannot go on", worked.error());
    }
    if (worked.has_value() && failing) parts_.log.Info("rotation goes on again");
    failing = !worked.has_value() && Passes(worked.error());
    if (!worked.has_value() || !worked.value()) thread_.RestUntil(parts_.clock.Steady() + kInterval);
  }
}

}  // namespace claviger::api
