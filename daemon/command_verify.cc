// `clavigerd verify` and `clavigerd manifest`: whether a token and a database belong together, wholly, and by
// what to know them again.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "api/audit/link_store.h"
#include "api/rotations/root_store.h"
#include "api/secrets/samples_store.h"
#include "api/vaults/vaults_store.h"
#include "crypto/audit_merkle.h"
#include "crypto/random.h"
#include "daemon/commands.h"
#include "daemon/installation.h"
#include "daemon/manifest.h"
#include "daemon/operator_desk.h"
#include "daemon/private_file.h"
#include "hsm/pkcs11_keyring.h"
#include "schema/migrate.h"

namespace claviger::daemon {
namespace {

using crypto::SigningKey;

constexpr int64_t kBatch = 256;
constexpr int64_t kMaxTold = 20;  // of what does not open
constexpr size_t kMaxManifestBytes = 64 * 1024;

// Token and database, open.
class Pair {
 public:
  explicit Pair(const Config& config) : config_(config), log_(config.log_level) {}

  Outcome<void> Open() {
    TRYV(RefuseDuringMove(config_));  // neither token alone opens everything then
    TRY(keyring_, Stage(ExitCode::kHsm, hsm::OpenKeyring(config_.hsm, clock_, random_, log_)));
    TRY(connection_, Stage(ExitCode::kDatabase, schema::Connection::Open(config_.database, log_)));
    TRYV(Stage(ExitCode::kSchema, schema::CheckSchema(*connection_, schema::BuiltInMigrations())));
    TRY(system_keks_, Stage(ExitCode::kSchema, LoadSystemKeks(*connection_)));
    return Stage(ExitCode::kHsm, ProveKinship(*keyring_, system_keks_));
  }

  crypto::Keyring& keyring() { return *keyring_; }
  schema::Connection& connection() { return *connection_; }

  Outcome<Manifest> Describe() {
    Manifest manifest;
    manifest.schema = schema::BuiltInMigrations().back().number;
    TRY(const auto last, Stage(ExitCode::kDatabase, api::link_store::LoadLastCheckpoint(*connection_)));
    if (last) manifest.checkpoint = last->number;
    TRY(manifest.keys, Stage(ExitCode::kHsm, CheckValues(*keyring_, system_keks_)));
    return manifest;
  }

 private:
  const Config& config_;
  const Log log_;
  const SystemClock clock_;
  crypto::SystemRandom random_;  // before the PKCS#11 module is loaded
  std::unique_ptr<crypto::CustomerKeyring> keyring_;
  std::unique_ptr<schema::Connection> connection_;
  std::vector<crypto::WrappedKek> system_keks_;
};

class Verification {
 public:
  explicit Verification(Pair& pair) : pair_(pair) {}

  // Every KEK is loaded, and opens a data key that lies under it, if one does.
  Outcome<void> OpenKeks() {
    std::optional<crypto::KekIdentity> after;
    for (;;) {
      TRY(const auto keks,
          Stage(ExitCode::kDatabase, api::root_store::ListKeks(pair_.connection(), after, kBatch)));
      if (keks.empty()) break;
      for (const auto& kek : keks) {
        TRYV(OpenOne(kek));
      }
      after = keks.back().identity;
      Draw();
    }
    if (drawn_) fmt::print(stderr, "\n");
    fmt::print("{} keys: {} opened a data key, {} hold none\n", opened_ + empty_, opened_, empty_);
    return boost::outcome_v2::success();
  }

  // The newest checkpoint of the audit log is by a key of this token.
  Outcome<void> CheckCheckpoint() {
    TRY(const auto last, Stage(ExitCode::kDatabase, api::link_store::LoadLastCheckpoint(pair_.connection())));
    if (!last) return boost::outcome_v2::success();
    TRY(const auto keys, Stage(ExitCode::kHsm, pair_.keyring().PublicKeys(SigningKey::kAudit)));
    if (crypto::IsSignedBy(keys, *last)) {
      fmt::print("checkpoint {} is signed by this token\n", last->number);
    } else {
      Tell(fmt::format("checkpoint {} is not signed by a key of this token", last->number));
    }
    return boost::outcome_v2::success();
  }

  Outcome<void> Compare(const Manifest& expected) {
    TRY(const Manifest found, pair_.Describe());
    for (const auto& key : expected.keys) {
      if (std::find(found.keys.begin(), found.keys.end(), key) == found.keys.end()) {
        Tell(fmt::format("{} is not the key of the manifest, or is not there", key.name));
      }
    }
    if (found.checkpoint < expected.checkpoint) {
      Tell(fmt::format("the audit log ends at checkpoint {}, before the manifest's {}", found.checkpoint,
                       expected.checkpoint));
    }
    return boost::outcome_v2::success();
  }

  Outcome<void> Conclude() const {
    if (faults_ == 0) {
      fmt::print("verified\n");
      return boost::outcome_v2::success();
    }
    return Refusal{
        ExitCode::kUnverified,
        MakeError(ErrorKind::kIntegrity, fmt::format("faults found: {}; do not serve this", faults_))};
  }

 private:
  Outcome<void> OpenOne(const crypto::WrappedKek& listed) {
    const auto& identity = listed.identity;
    const bool of_vault = identity.vault != VaultId{};
    auto kek = listed;
    std::optional<api::samples_store::Sample> sample;
    if (of_vault) {
      TRY(kek, Stage(ExitCode::kDatabase, api::vaults_store::FindKek(pair_.connection(), identity)));
      TRY(sample, Stage(ExitCode::kDatabase, api::samples_store::FindUnder(pair_.connection(), identity)));
    }
    const auto opens = [&]() -> Status {
      if (!sample) {
        TRYV(pair_.keyring().GenerateDek(listed, AsBytes("claviger/verify")));
        return Ok();
      }
      TRYV(pair_.keyring().OpenDek(kek, sample->dek, crypto::DekAad(sample->identity)));
      return Ok();
    }();
    ++(sample ? opened_ : empty_);
    if (opens) return boost::outcome_v2::success();
    // Away, rather than wrong: unless it is a customer's token, there is nothing to be learnt without it.
    if (opens.error().kind != ErrorKind::kIntegrity && !kek.customer) {
      return Refusal{ExitCode::kHsm, opens.error()};
    }
    const std::string owner =
        of_vault ? fmt::format("of the vault {}", identity.vault.ToString()) : "of the installation";
    const std::string why = opens.error().cause.empty() ? opens.error().detail : opens.error().cause;
    Tell(fmt::format("key {} {} does not open: {}", identity.version, owner, why));
    return boost::outcome_v2::success();
  }

  void Tell(const std::string& fault) {
    if (++faults_ <= kMaxTold) fmt::print(stderr, "clavigerd: {}\n", fault);
    if (faults_ == kMaxTold) fmt::print(stderr, "clavigerd: further ones are only counted\n");
  }

  void Draw() {
    if (::isatty(STDERR_FILENO) == 0) return;
    fmt::print(stderr, "\r{} keys", opened_ + empty_);
    std::fflush(stderr);
    drawn_ = true;
  }

  Pair& pair_;
  int64_t opened_ = 0;
  int64_t empty_ = 0;
  int64_t faults_ = 0;
  bool drawn_ = false;
};

}  // namespace

Outcome<void> ShowManifest(const CommandLine&, const Config& config) {
  Pair pair(config);
  TRYV(pair.Open());
  TRY(const Manifest manifest, pair.Describe());
  fmt::print("{}", EncodeManifest(manifest));
  return boost::outcome_v2::success();
}

Outcome<void> Verify(const CommandLine& line, const Config& config) {
  std::optional<Manifest> expected;
  if (!line.manifest.empty()) {
    TRY(const std::string text,
        Stage(ExitCode::kConfig, ReadTrustedFile(line.manifest, "the manifest", kMaxManifestBytes)));
    TRY(expected, Stage(ExitCode::kConfig, DecodeManifest(text)));
  }
  Pair pair(config);
  TRYV(pair.Open());
  Verification verification(pair);
  if (expected) {
    TRYV(verification.Compare(*expected));
  }
  TRYV(verification.OpenKeks());
  TRYV(verification.CheckCheckpoint());
  return verification.Conclude();
}

}  // namespace claviger::daemon
