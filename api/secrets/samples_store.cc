#include "api/secrets/samples_store.h"

namespace claviger::api::samples_store {
namespace {

constexpr schema::Statement kFindUnder{
    "samples_find_under",
    "SELECT r.secret_id, r.version, r.first_kek_version, r.sealed_dek, s.path "
    "FROM (SELECT secret_id, version, first_kek_version, sealed_dek FROM secret_versions "
    "WHERE org_id = $1 AND vault_id = $2 AND kek_version = $3 LIMIT 1) r "
    "JOIN secrets s ON s.org_id = $1 AND s.id = r.secret_id",
    true};
enum Column { kSecret, kVersion, kFirstKekVersion, kDek, kPath };

}  // namespace

Result<std::optional<Sample>> FindUnder(schema::Connection& connection, const crypto::KekIdentity& kek) {
  TRY(const auto rows, connection.Run(kFindUnder, {kek.org, kek.vault, kek.version}));
  if (rows.empty()) return std::nullopt;
  Sample sample;
  sample.identity = {kek.org,
                     kek.vault,
                     rows.IdAt<SecretId>(0, kSecret),
                     static_cast<uint32_t>(rows.Int4(0, kVersion)),
                     kek.version,
                     std::string(rows.Text(0, kPath))};
  if (!rows.IsNull(0, kFirstKekVersion)) {
    sample.identity.first_kek_version = static_cast<uint32_t>(rows.Int4(0, kFirstKekVersion));
  }
  const ByteView dek = rows.Blob(0, kDek);
  sample.dek.bytes.assign(dek.begin(), dek.end());
  return sample;
}

}  // namespace claviger::api::samples_store
