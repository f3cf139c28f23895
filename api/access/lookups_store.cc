#include "api/access/lookups_store.h"

#include "api/device/refresh.h"

namespace claviger::api::lookups_store {
namespace {

// A deactivated agent has no live key, though its key comes back to life with it. A family of refresh tokens
// lives as long as its current one. $2 is now, $3 when a family must have been used last.
constexpr schema::Statement kCount = {
    "lookups_count_under_older",
    "SELECT kind, count FROM ("
    " SELECT 1 AS place, 'API keys' AS kind, count(*) FROM api_keys"
    "  WHERE lookup_version < $1 AND is_active AND (expires_at IS NULL OR expires_at > $2)"
    " UNION ALL SELECT 2, 'agent keys', count(*) FROM agents"
    "  WHERE lookup_version < $1 AND mac IS NOT NULL AND is_active"
    "    AND (expires_at IS NULL OR expires_at > $2)"
    " UNION ALL SELECT 3, 'device logins', count(*) FROM refresh_families f"
    "   JOIN refresh_tokens t ON t.mac = f.current_mac"
    "   JOIN users u ON u.org_id = f.org_id AND u.id = f.user_id"
    "  WHERE t.lookup_version < $1 AND f.expires_at > $2 AND f.rotated_at > $3 AND f.rotations < $4"
    "    AND date_trunc('second', f.began_at) >= date_trunc('second', u.tokens_valid_from)"
    " UNION ALL SELECT 4, 'share links', count(*) FROM shares"
    "  WHERE lookup_version < $1 AND expires_at > $2"
    "    AND (max_access_count = 0 OR access_count < max_access_count)"
    " UNION ALL SELECT 5, 'recovery codes', count(*) FROM recovery_codes WHERE lookup_version < $1"
    " UNION ALL SELECT 6, 'signups that wait for their mail code', count(*) FROM pending_signups"
    "  WHERE lookup_version < $1 AND expires_at > $2"
    " UNION ALL SELECT 7, 'device logins that wait', count(*) FROM device_codes"
    "  WHERE lookup_version < $1 AND expires_at > $2"
    " UNION ALL SELECT 8, 'logins that wait for a second factor', count(*) FROM mfa_challenges"
    "  WHERE lookup_version < $1 AND expires_at > $2"
    " UNION ALL SELECT 9, 'sessions at pages', count(*) FROM page_sessions"
    "  WHERE lookup_version < $1 AND expires_at > $2"
    ") counted WHERE count > 0 ORDER BY place",
    true};

}  // namespace

Result<std::vector<UnderOlder>> CountUnderOlder(schema::Connection& connection, uint32_t lookup_version,
                                                Time now) {
  TRY(const auto rows,
      connection.Run(kCount, {lookup_version, now, now - Refresh::kIdleLife, Refresh::kMaxRotations}));
  std::vector<UnderOlder> counts;
  for (int row = 0; row < rows.size(); ++row) {
    counts.push_back({std::string(rows.Text(row, 0)), rows.Int8(row, 1)});
  }
  return counts;
}

}  // namespace claviger::api::lookups_store
