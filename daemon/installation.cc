#include "daemon/installation.h"

namespace claviger::daemon {
namespace {

constexpr schema::Statement kLoad{
    "installation_load",
    "SELECT system_kek_version, system_kek_root_version, system_kek_blob, system_kek_check FROM installation",
    true};

constexpr schema::Statement kRecord{
    "installation_record",
    "INSERT INTO installation (id, created_at, system_kek_version, system_kek_root_version, system_kek_blob,"
    " system_kek_check) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"};

// "clavkeys": one lock of this name per database.
constexpr int64_t kLockName = 0x636C61766B657973;
constexpr schema::Statement kLock{"installation_lock_keys", "SELECT pg_advisory_lock($1)"};

Bytes Copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

Result<crypto::WrappedKek> LoadSystemKek(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kLoad, {}));
  if (rows.empty()) return NotFound("the installation record is missing: run `clavigerd init`");
  crypto::WrappedKek kek;
  kek.identity.version = static_cast<uint32_t>(rows.Int4(0, 0));
  kek.root_version = static_cast<uint32_t>(rows.Int4(0, 1));
  kek.blob = Copy(rows.Blob(0, 2));
  kek.check = Copy(rows.Blob(0, 3));
  return kek;
}

Result<bool> RecordInstallation(schema::Connection& owner, crypto::Keyring& keyring, const Clock& clock,
                                Random& random) {
  TRY(const auto rows, owner.Run(kLoad, {}));
  if (!rows.empty()) return false;
  TRY(const auto kek, keyring.GenerateKek({}));
  TRY(const auto written, owner.Run(kRecord, {NewUuidV7(clock, random), clock.Now(), kek.identity.version,
                                              kek.root_version, kek.blob, kek.check}));
  return written.affected() == 1;
}

Status LockInstallationKeys(schema::Connection& connection) {
  TRYV(connection.Run(kLock, {kLockName}));
  return Ok();
}

Status ProveKinship(crypto::Keyring& keyring, const crypto::WrappedKek& system_kek) {
  const auto probe = keyring.GenerateDek(system_kek, AsBytes("claviger/start"));
  if (probe) return Ok();
  Error error = probe.error();
  if (error.kind == ErrorKind::kIntegrity) {
    error.detail = "this HSM token cannot open the database's system key: they do not belong together";
  }
  return error;
}

}  // namespace claviger::daemon
