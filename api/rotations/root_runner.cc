#include "api/rotations/root_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "api/failure_log.h"
#include "api/mail/mail.h"
#include "api/mail/mail_store.h"
#include "api/mfa/mfa.h"
#include "api/rotations/rotations_store.h"
#include "api/system_keks/system_keks_store.h"
#include "crypto/record_seal.h"

namespace claviger::api {
namespace {

constexpr std::chrono::milliseconds kInterval{1000};
constexpr const char* kOperation = "rotateRootKey";

}  // namespace

struct RootRunner::Record {
  std::string name;  // for people
  Bytes place;
  Bytes sealed;
  crypto::WrappedKek kek;
  // False if somebody has touched it meanwhile.
  std::function<Result<bool>(schema::Connection&, uint32_t newest, ByteView resealed)> store;
};

RootRunner::RootRunner(RootConfig config, const Parts& parts)
    : config_(config), parts_(parts), node_(NewUuidV7(parts.clock, parts.random)) {}

void RootRunner::Start() {
  thread_.Start([this] { Loop(); });
}

AuditDraft RootRunner::Draft(const root_store::RootRotation& rotation, const char* action) const {
  http::Request request;
  request.id = rotation.id;
  AuditDraft draft(request, action, kOperation);
  draft.SetActor("system", "", OrgId{});
  draft.AddDetail("root_version", rotation.version);
  return draft;
}

Result<RootRunner::Progress> RootRunner::Step() {
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(const bool can, root_store::CanWork(*lease, parts_.keyring));
    if (!can) {
      if (const auto held = std::exchange(claim_, std::nullopt)) {
        TRYV(root_store::Release(*lease, *held));
      }
      return Progress::kIdle;
    }
  }
  if (!claim_) {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(claim_, root_store::Take(*lease, node_, parts_.clock.Now()));
  }
  if (!claim_) return Progress::kIdle;
  auto progress = Work(*claim_);
  if (progress) {
    if (progress.value() == Progress::kOver) claim_.reset();
    return progress;
  }
  if (!Passes(progress.error())) {
    TRYV(Fail(*claim_, progress.error()));
    claim_.reset();
  }
  return progress;
}

Result<RootRunner::Progress> RootRunner::Work(const Claim& claim) {
  crypto::WrappedKek newest;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(const bool mine, root_store::Advance(*lease, claim, 0, parts_.clock.Now()));
    if (!mine) return Progress::kOver;
    TRY(newest, system_keks_store::Newest(*lease));
  }
  if (newest.root_version < claim.rotation.version) return MakeSystemKek(claim, newest);
  TRYV(StartVaults(claim));
  TRY(const auto records, FindRecords(newest.identity.version));
  if (!records.empty()) return Reseal(claim, newest, records);
  return Finish(claim, newest);
}

Result<RootRunner::Progress> RootRunner::MakeSystemKek(const Claim& claim, const crypto::WrappedKek& before) {
  crypto::KekIdentity identity = before.identity;
  ++identity.version;
  TRY(const auto kek, parts_.keyring.GenerateKek(identity));
  if (kek.root_version < claim.rotation.version) {
    return Unavailable("this node's HSM does not show the new root key yet");
  }
  const Time now = parts_.clock.Now();
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool mine, root_store::Advance(*lease, claim, 0, now));
  if (!mine) return Progress::kOver;
  TRYV(system_keks_store::Insert(*lease, kek));
  AuditDraft draft = Draft(claim.rotation, "root_key.system_kek");
  draft.AddDetail("kek_version", identity.version);
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(draft, "success")));
  TRYV(transaction.Commit());
  return Progress::kMore;
}

Status RootRunner::StartVaults(const Claim& claim) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(const int64_t unfinished, rotations_store::CountUnfinished(*lease, kByRootKey));
  if (unfinished >= kWindow) return Ok();
  TRY(const auto due,
      rotations_store::FindUnderOlderRoot(*lease, claim.rotation.version, kWindow - unfinished));
  for (const auto& vault : due) {
    TRYV(StartUnasked(*lease, parts_, vault, kByRootKey));
  }
  return Ok();
}

Result<std::vector<RootRunner::Record>> RootRunner::FindRecords(uint32_t newest) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(const auto factors, mfa_store::FindOutdated(*lease, newest, config_.pace.Batch(kBatch)));
  TRY(const auto mails,
      mail_store::FindOutdated(*lease, newest,
                               config_.pace.Batch(kBatch) - static_cast<int64_t>(factors.size())));
  std::vector<Record> records;
  for (const auto& factor : factors) {
    records.push_back({"second factor of " + factor.owner.user.ToString(), PlaceOfFactor(factor.owner),
                       factor.factor.sealed_secret, factor.factor.kek,
                       [factor](schema::Connection& connection, uint32_t version, ByteView resealed) {
                         return mfa_store::Reseal(connection, factor, version, resealed);
                       }});
  }
  for (const auto& mail : mails) {
    records.push_back({"mail " + mail.id.ToString(), PlaceOfMail(mail.id, mail.recipient), mail.sealed,
                       mail.kek, [mail](schema::Connection& connection, uint32_t version, ByteView resealed) {
                         return mail_store::Reseal(connection, mail, version, resealed);
                       }});
  }
  return records;
}

Result<RootRunner::Progress> RootRunner::Reseal(const Claim& claim, const crypto::WrappedKek& newest,
                                                const std::vector<Record>& records) {
  const SteadyTime begun = parts_.clock.Steady();
  std::vector<Bytes> resealed;
  for (const Record& record : records) {
    auto clear = crypto::OpenRecord(parts_.keyring, record.kek, record.place, record.sealed);
    if (!clear) {
      Error error = clear.error();
      if (error.kind == ErrorKind::kIntegrity) {
        error.detail = fmt::format(
            "The {} does not open: somebody changed its row. Restore or delete the row, then rotate again",
            record.name);
      }
      return error;
    }
    TRY(auto sealed,
        crypto::SealRecord(parts_.keyring, parts_.random, newest, record.place, clear.value().View()));
    resealed.push_back(std::move(sealed));
  }
  const Time now = parts_.clock.Now();

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  int64_t count = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    TRY(const bool stored, records[i].store(*lease, newest.identity.version, resealed[i]));
    if (stored) ++count;
  }
  TRY(const bool mine, root_store::Advance(*lease, claim, count, now));
  if (!mine) return Progress::kOver;
  AuditDraft draft = Draft(claim.rotation, "root_key.reseal");
  draft.AddDetail("resealed", count);
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(draft, "success")));
  TRYV(transaction.Commit());
  if (config_.pace.per_second != 0) thread_.RestUntil(begun + config_.pace.TimeFor(records.size()));
  return Progress::kMore;
}

Result<RootRunner::Progress> RootRunner::Finish(const Claim& claim, const crypto::WrappedKek& newest) {
  const uint32_t version = newest.identity.version;
  const Time now = parts_.clock.Now();
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool settled, system_keks_store::HasSettled(*lease, config_.settling));
  if (!settled) return Progress::kWait;
  TRY(const auto left, root_store::CountLeft(*lease, claim.rotation.version));
  if (left.vaults > 0) return Progress::kWait;
  TRY(const int64_t factors, mfa_store::CountOutdated(*lease, version));
  TRY(const int64_t mails, mail_store::CountOutdated(*lease, version));
  if (factors + mails > 0) return Progress::kMore;
  TRY(const bool mine, root_store::Finish(*lease, claim, now));
  if (!mine) return Progress::kOver;
  const auto removed = system_keks_store::RemoveOlder(*lease, version);
  // Somebody who still held an older one came first: there is one more to seal anew.
  if (!removed && removed.error().kind == ErrorKind::kConflict) return Progress::kMore;
  TRYV(removed);
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(Draft(claim.rotation, "root_key.finish"), "success")));
  TRYV(transaction.Commit());
  parts_.keyring.ForgetKeks({});
  parts_.log.Info("rotation of the root key done", {{"root", std::to_string(claim.rotation.version)}});
  return Progress::kOver;
}

Result<bool> RootRunner::Fail(const Claim& claim, const Error& error) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool mine, root_store::Fail(*lease, claim, error.detail.substr(0, 255), parts_.clock.Now()));
  if (!mine) return false;
  AuditDraft draft = Draft(claim.rotation, "root_key.fail");
  draft.AddDetail("reason", error.detail);
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(draft, "failed")));
  TRYV(transaction.Commit());
  return true;
}

// If this fails the lease ends by itself.
void RootRunner::Release() {
  if (!claim_) return;
  auto lease = parts_.pool.Acquire();
  if (lease) (void)root_store::Release(*lease.value(), *claim_);
}

void RootRunner::Loop() {
  bool failing = false;
  while (!thread_.Stopping()) {
    const auto progress = Step();
    if (!progress && (!failing || !Passes(progress.error()))) {
      LogConsequence(parts_.log, "rotation of the root key cannot go on", progress.error());
    }
    if (progress && failing) parts_.log.Info("rotation of the root key goes on again");
    failing = !progress && Passes(progress.error());
    if (!progress || progress.value() != Progress::kMore)
      thread_.RestUntil(parts_.clock.Steady() + kInterval);
  }
  Release();
}

}  // namespace claviger::api
