#include "daemon/installation.h"

#include "api/system_keks/system_keks_store.h"

namespace claviger::daemon {
namespace {

constexpr schema::Statement kRecord{
    "installation_record",
    "WITH recorded AS (INSERT INTO installation (id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING "
    "RETURNING 1) INSERT INTO system_keks SELECT $3, $4, $5, $6, $2 FROM recorded"};

// "clavkeys": one lock of this name per database.
constexpr int64_t kLockName = 0x636C61766B657973;
constexpr schema::Statement kLock{"installation_lock_keys", "SELECT pg_advisory_lock($1)"};

}  // namespace

Result<std::vector<crypto::WrappedKek>> LoadSystemKeks(schema::Connection& connection) {
  TRY(auto keks, api::system_keks_store::Load(connection));
  if (keks.empty()) return NotFound("the installation record is missing: run `clavigerd init`");
  return keks;
}

Result<bool> RecordInstallation(schema::Connection& owner, crypto::Keyring& keyring, const Clock& clock,
                                Random& random) {
  TRY(const auto keks, api::system_keks_store::Load(owner));
  if (!keks.empty()) return false;
  TRY(const auto kek, keyring.GenerateKek({}));
  TRY(const auto written, owner.Run(kRecord, {NewUuidV7(clock, random), clock.Now(), kek.identity.version,
                                              kek.root_version, kek.blob, kek.check}));
  return written.affected() == 1;
}

Status LockInstallationKeys(schema::Connection& connection) {
  TRYV(connection.Run(kLock, {kLockName}));
  return Ok();
}

Status ProveKinship(crypto::Keyring& keyring, const std::vector<crypto::WrappedKek>& system_keks) {
  for (const auto& kek : system_keks) {
    const auto probe = keyring.GenerateDek(kek, AsBytes("claviger/start"));
    if (probe) continue;
    Error error = probe.error();
    if (error.kind == ErrorKind::kIntegrity) {
      error.detail = "this HSM token cannot open the database's system key: they do not belong together";
    }
    return error;
  }
  return Ok();
}

}  // namespace claviger::daemon
