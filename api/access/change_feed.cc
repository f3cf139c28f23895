#include "api/access/change_feed.h"

#include "api/shares/shares_store.h"

namespace claviger::api {
namespace {

constexpr std::chrono::milliseconds kPollInterval{250};
constexpr std::chrono::milliseconds kPollTimeout{1000};
constexpr std::chrono::seconds kTrust{1};
constexpr std::chrono::minutes kPruneInterval{10};

constexpr schema::Statement kAppend = {"access_append_change",
                                       "INSERT INTO change_log (kind, id) VALUES ($1, $2)"};

// Every transaction below xmin has ended and is visible, so its rows were seen by this poll or an earlier
// one; what is at or above it is read again next time.
constexpr schema::Statement kPoll = {"access_poll_changes",
                                     "SELECT s.xmin::text, c.xid::text, c.kind, c.id"
                                     "  FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin) s"
                                     "  LEFT JOIN change_log c ON c.xid >= $1::text::xid8",
                                     true};
constexpr schema::Statement kHorizon = {"access_change_horizon",
                                        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text", true};

// A feed that was blind for longer misses nothing that matters: what it had cached expired after 15 minutes.
constexpr schema::Statement kPruneChanges = {
    "access_prune_changes", "DELETE FROM change_log WHERE created_at < now() - interval '1 hour'", true};
// The hour is for clocks that disagree: a row must not go while any node takes the token for unexpired.
constexpr std::chrono::hours kKeepRevoked{1};
constexpr schema::Statement kPruneRevoked = {"access_prune_revoked_tokens",
                                             "DELETE FROM revoked_tokens WHERE expires_at < $1", true};
constexpr schema::Statement kPruneSignups = {"access_prune_pending_signups",
                                             "DELETE FROM pending_signups WHERE expires_at < $1", true};

schema::PgConfig WithPollTimeouts(schema::PgConfig config) {
  config.statement_timeout = std::min(config.statement_timeout, kPollTimeout);
  return config;
}

}  // namespace

schema::Connection::Call ChangeCall(std::string_view kind, const Uuid& id) { return {kAppend, {kind, id}}; }

ChangeFeed::ChangeFeed(schema::PgConfig config, std::vector<ChangeListener*> listeners, const Clock& clock,
                       const Log& log)
    : config_(WithPollTimeouts(std::move(config))),
      listeners_(std::move(listeners)),
      clock_(clock),
      log_(log) {}

void ChangeFeed::Start() {
  thread_.Start([this] { Loop(); });
}

Status ChangeFeed::PollOnce() {
  const SteadyTime start = clock_.Steady();
  auto polled = Poll();
  if (!polled.has_value()) {
    connection_.reset();
    return polled;
  }
  for (ChangeListener* listener : listeners_) listener->TrustUntil(start + kTrust);
  return Ok();
}

Status ChangeFeed::Poll() {
  if (connection_ == nullptr || connection_->broken()) {
    TRY(connection_, schema::Connection::Open(config_, log_));
  }
  if (horizon_.empty()) return StartFromNow();

  TRY(const auto rows, connection_->Run(kPoll, {horizon_}));
  std::set<Change> changes;
  for (int i = 0; i < rows.size(); ++i) {
    if (rows.IsNull(i, 1)) continue;
    Change change{std::string(rows.Text(i, 1)), std::string(rows.Text(i, 2)), rows.UuidAt(i, 3)};
    if (!applied_.contains(change)) {
      for (ChangeListener* listener : listeners_) listener->Forget(change.kind, change.id);
    }
    changes.insert(std::move(change));
  }
  horizon_ = rows.Text(0, 0);
  applied_ = std::move(changes);
  return Ok();
}

// What was cached before the horizon may have changed unseen.
Status ChangeFeed::StartFromNow() {
  TRY(const auto rows, connection_->Run(kHorizon, {}));
  horizon_ = rows.Text(0, 0);
  for (ChangeListener* listener : listeners_) listener->ForgetAll();
  return Ok();
}

void ChangeFeed::Prune() {
  if (connection_ == nullptr || clock_.Steady() < prune_at_) return;
  prune_at_ = clock_.Steady() + kPruneInterval;
  const auto note = [this](const auto& pruned) {
    if (!pruned.has_value()) log_.Failure("what has expired could not be pruned", pruned.error());
  };
  note(connection_->Run(kPruneChanges, {}));
  note(connection_->Run(kPruneRevoked, {clock_.Now() - kKeepRevoked}));
  note(connection_->Run(kPruneSignups, {clock_.Now()}));
  note(shares_store::Purge(*connection_, clock_.Now()));
}

void ChangeFeed::Loop() {
  bool failing = false;
  while (!thread_.Stopping()) {
    const auto polled = PollOnce();
    if (!polled.has_value() && !failing)
      log_.Failure("change feed lost; caches are not trusted", polled.error());
    if (polled.has_value() && failing) log_.Info("change feed is back");
    failing = !polled.has_value();
    if (!failing) Prune();
    thread_.Rest(kPollInterval);
  }
}

}  // namespace claviger::api
