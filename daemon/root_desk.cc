#include "daemon/root_desk.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "api/access/installation_keys.h"
#include "api/mail/mail_store.h"
#include "api/mfa/mfa_store.h"
#include "api/system_keks/system_keks_store.h"
#include "crypto/random.h"
#include "daemon/operator_record.h"
#include "hsm/key_ceremony.h"
#include "hsm/pkcs11_keyring.h"

namespace claviger::daemon {
namespace {

namespace root_store = api::root_store;
using api::RotationState;
using root_store::RootRotation;
using std::chrono::seconds;

constexpr seconds kPause{1};
constexpr seconds kPatience{15};    // without a change: then it is told what it waits for
constexpr seconds kTellAgain{300};  // and again
constexpr int64_t kMaxNamed = 20;
constexpr int64_t kBatch = 1000;  // of KEKs
constexpr int64_t kBarWidth = 30;

struct Standing {
  RootRotation rotation;
  root_store::Left left;
  int64_t records_left = 0;

  int64_t Total() const { return std::max<int64_t>(rotation.vaults + rotation.records, 1); }
  int64_t Done() const { return std::clamp<int64_t>(Total() - left.vaults - records_left, 0, Total()); }
  bool Moved(const Standing& before) const {
    return rotation.state != before.rotation.state || left.vaults != before.left.vaults ||
           records_left != before.records_left;
  }
};

Result<std::optional<Standing>> FindStanding(schema::Connection& connection) {
  TRY(auto last, root_store::FindLast(connection));
  if (!last) return std::nullopt;
  Standing standing{*std::move(last), {}, 0};
  if (standing.rotation.state == RotationState::kDone) return standing;
  TRY(standing.left, root_store::CountLeft(connection, standing.rotation.version));
  TRY(const auto kek, api::system_keks_store::Newest(connection));
  // Until the new system KEK is made, all lie under an older one.
  const bool made = kek.root_version >= standing.rotation.version;
  const uint32_t newest = made ? kek.identity.version : kek.identity.version + 1;
  TRY(const int64_t factors, api::mfa_store::CountOutdated(connection, newest));
  TRY(const int64_t mails, api::mail_store::CountOutdated(connection, newest));
  standing.records_left = factors + mails;
  return standing;
}

std::string Explain(const Standing& standing) {
  const std::string left =
      fmt::format("{} of {} vaults and {} of the installation's records are left", standing.left.vaults,
                  std::max(standing.rotation.vaults, standing.left.vaults), standing.records_left);
  switch (standing.rotation.state) {
    case RotationState::kPending:
      return "waits for a node to begin; " + left;
    case RotationState::kRunning:
      return left;
    case RotationState::kPaused:
      return "paused until `clavigerd rotate root-key`; " + left;
    case RotationState::kFailed:
      return fmt::format("stopped: {}; {}", standing.rotation.error, left);
    case RotationState::kDone:
      return "done: everything lies under it";
  }
  return "";
}

std::string Explain(const root_store::LeftVault& vault) {
  const std::string where = vault.token.empty() ? "" : fmt::format(", bound to the token '{}'", vault.token);
  const std::string why = [&]() -> std::string {
    if (!vault.rotation) return "waits for its turn";
    if (*vault.rotation == RotationState::kFailed) return "its rotation has failed: " + vault.error;
    if (*vault.rotation == RotationState::kPaused) return "its rotation was paused by those who manage it";
    if (!vault.token.empty()) return "waits for a node that reaches its token";
    return "its rotation is under way";
  }();
  return fmt::format("vault {} of the organisation {}{}: {}", vault.vault.ToString(), vault.org.ToString(),
                     where, why);
}

Result<std::vector<std::string>> NameLeft(schema::Connection& connection, const Standing& standing) {
  TRY(const auto vaults, root_store::FindLeft(connection, standing.rotation.version, kMaxNamed));
  std::vector<std::string> lines;
  for (const auto& vault : vaults) lines.push_back(Explain(vault));
  const int64_t more = standing.left.vaults - static_cast<int64_t>(vaults.size());
  if (more > 0) lines.push_back(fmt::format("and {} more", more));
  return lines;
}

// With its record, if there is something to do.
Result<bool> Change(schema::Connection& connection, Result<bool> (*change)(schema::Connection&, Time),
                    const char* action) {
  TRY(auto transaction, connection.Begin());
  TRY(const bool changed, change(connection, SystemClock().Now()));
  if (!changed) return false;
  TRYV(connection.Run(OperatorRecord(action, nlohmann::json::object())));
  TRYV(transaction.Commit());
  return true;
}

class DatabaseRootDesk final : public RootDesk {
 public:
  explicit DatabaseRootDesk(const Config& config) : config_(config), desk_(config) {}

  Outcome<void> Act(const std::string& action, const std::string& key,
                    const std::function<Status()>& act) override {
    return desk_.Act(action, key, act);
  }
  void Wait(seconds time, const std::string& until) override { desk_.Wait(time, until); }
  void Tell(const std::string& line) override { desk_.Tell(line); }

  Outcome<RootsInUse> InUse() override {
    TRY(auto connection, desk_.Connect());
    TRY(const auto in_use, Stage(ExitCode::kDatabase, root_store::FindInUse(*connection)));
    if (in_use) return *in_use;
    return Refusal{ExitCode::kSchema, NotFound("the installation record is missing: run `clavigerd init`")};
  }

  Outcome<std::optional<RootRotation>> Last() override {
    TRY(auto connection, desk_.Connect());
    return Stage(ExitCode::kDatabase, root_store::FindLast(*connection));
  }

  Outcome<void> Begin(uint32_t version) override {
    TRY(auto connection, desk_.Connect());
    const SystemClock clock;
    crypto::SystemRandom random;
    const auto begun =
        connection->RunTogether({root_store::Begin(version, NewUuidV7(clock, random), clock.Now()),
                                 OperatorRecord("root_key.begin", {{"key", hsm::RootKeyName(version)}}),
                                 api::InstallationKeysChanged()});
    // Another operator was quicker.
    if (!begun && begun.error().kind == ErrorKind::kConflict) return boost::outcome_v2::success();
    if (!begun) return Refusal{ExitCode::kDatabase, begun.error()};
    Tell(fmt::format("the rotation to {} has begun: no key comes to lie under an older one",
                     hsm::RootKeyName(version)));
    return boost::outcome_v2::success();
  }

  Outcome<void> Resume() override {
    TRY(auto connection, desk_.Connect());
    TRYV(Stage(ExitCode::kDatabase, Change(*connection, root_store::Resume, "root_key.resume")));
    return boost::outcome_v2::success();
  }

  Outcome<void> ProveKeks() override {
    const SystemClock clock;
    crypto::SystemRandom random;
    const Log log(config_.log_level);
    TRY(const auto keyring, Stage(ExitCode::kHsm, hsm::OpenKeyring(config_.hsm, clock, random, log)));
    TRY(auto connection, desk_.Connect());
    std::optional<crypto::KekIdentity> after;
    int64_t count = 0;
    for (;;) {
      TRY(const auto keks, Stage(ExitCode::kDatabase, root_store::ListKeks(*connection, after, kBatch)));
      if (keks.empty()) break;
      for (const auto& kek : keks) {
        const auto opened = keyring->GenerateDek(kek, AsBytes("claviger/prove"));
        if (opened) continue;
        if (opened.error().kind != ErrorKind::kIntegrity) return Refusal{ExitCode::kHsm, opened.error()};
        return Refusal{
            ExitCode::kIncomplete,
            Conflict(fmt::format("key {} of the vault {} does not open: somebody changed its row. Nothing "
                                 "is destroyed; restore the row first",
                                 kek.identity.version, kek.identity.vault.ToString()))};
      }
      count += static_cast<int64_t>(keks.size());
      after = keks.back().identity;
    }
    Tell(fmt::format("all {} keys of the database open", count));
    return boost::outcome_v2::success();
  }

  Outcome<void> Watch(uint32_t version) override {
    std::optional<Standing> before;
    auto tell_at = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      TRY(auto connection, desk_.Connect());
      TRY(const auto found, Stage(ExitCode::kDatabase, FindStanding(*connection)));
      if (!found || found->rotation.version != version) {
        return Refusal{ExitCode::kDatabase, Conflict("the rotation is gone from the database")};
      }
      const Standing& now = *found;
      Draw(now);
      if (now.rotation.state == RotationState::kDone) return boost::outcome_v2::success();
      const auto moment = std::chrono::steady_clock::now();
      if (!before || now.Moved(*before)) tell_at = moment + kPatience;
      const bool held = now.left.vaults > 0 && now.left.held == now.left.vaults && now.records_left == 0;
      const bool stopped =
          now.rotation.state == RotationState::kPaused || now.rotation.state == RotationState::kFailed;
      if (stopped || held) return Incomplete(*connection, now);
      if (moment >= tell_at) {
        TRYV(TellWhatIsLeft(*connection, now));
        tell_at = moment + kTellAgain;
      }
      before = now;
      connection.reset();
      std::this_thread::sleep_for(kPause);
    }
  }

 private:
  // One line that draws over itself.
  void Draw(const Standing& now) {
    if (::isatty(STDERR_FILENO) != 1) return;
    const int64_t filled = now.Done() * kBarWidth / now.Total();
    fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {:<8} vaults left: {}, records left: {}    ", "", filled, "",
               kBarWidth - filled, Name(now.rotation.state), now.left.vaults, now.records_left);
    if (now.rotation.state == RotationState::kDone) fmt::print(stderr, "\n");
    std::fflush(stderr);
    drawn_ = now.rotation.state != RotationState::kDone;
  }
  void EndBar() {
    if (std::exchange(drawn_, false)) fmt::print(stderr, "\n");
  }

  Outcome<void> TellWhatIsLeft(schema::Connection& connection, const Standing& now) {
    EndBar();
    Tell(Explain(now));
    if (now.rotation.state == RotationState::kPending) Tell("no node works on it: at least one must run");
    TRY(const auto lines, Stage(ExitCode::kDatabase, NameLeft(connection, now)));
    for (const auto& line : lines) Tell("  " + line);
    Tell("may be interrupted and begun again");
    return boost::outcome_v2::success();
  }

  Outcome<void> Incomplete(schema::Connection& connection, const Standing& now) {
    EndBar();
    TRY(const auto lines, Stage(ExitCode::kDatabase, NameLeft(connection, now)));
    for (const auto& line : lines) Tell("  " + line);
    return Refusal{ExitCode::kIncomplete,
                   Conflict(fmt::format("the rotation is not complete: {}. Run it again when that is mended",
                                        Explain(now)))};
  }

  const Config& config_;
  OperatorDesk desk_;
  bool drawn_ = false;
};

}  // namespace

std::unique_ptr<RootDesk> MakeRootDesk(const Config& config) {
  return std::make_unique<DatabaseRootDesk>(config);
}

Outcome<bool> PauseRotation(OperatorDesk& desk) {
  TRY(auto connection, desk.Connect());
  return Stage(ExitCode::kDatabase, Change(*connection, root_store::Pause, "root_key.pause"));
}

Outcome<void> TellRotation(OperatorDesk& desk) {
  TRY(auto connection, desk.Connect());
  TRY(const auto standing, Stage(ExitCode::kDatabase, FindStanding(*connection)));
  if (!standing) {
    desk.Tell("the root key was never rotated");
    return boost::outcome_v2::success();
  }
  desk.Tell(fmt::format("{}: {}", hsm::RootKeyName(standing->rotation.version), Explain(*standing)));
  TRY(const auto lines, Stage(ExitCode::kDatabase, NameLeft(*connection, *standing)));
  for (const auto& line : lines) desk.Tell("  " + line);
  return boost::outcome_v2::success();
}

}  // namespace claviger::daemon
