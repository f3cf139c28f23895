// What a runtime role must not be able to do.

#include "schema/migrate.h"

namespace claviger::schema {
namespace {

// Ownership is asked through membership: a member of the owner may do whatever the owner may. A superuser is
// a member of every role and has every privilege.
constexpr Statement kExcess{"runtime_role.excess", R"(
  SELECT has_schema_privilege('public', 'CREATE'),
         EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'public' AND pg_has_role(c.relowner, 'MEMBER')),
         EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'public'
                   AND (c.relname IN ('audit_events', 'audit_links', 'audit_checkpoints', 'audit_leaves')
                        OR c.relispartition)
                   AND (has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
                        OR has_any_column_privilege(c.oid, 'UPDATE'))))"};

}  // namespace

Status CheckRuntimeRole(Connection& runtime) {
  TRY(const auto excess, runtime.Run(kExcess, {}));
  if (excess.Bool(0, 1))
    return Forbidden("The daemon's database role owns tables of the schema; use claviger_app");
  if (excess.Bool(0, 0)) return Forbidden("The daemon's database role can create tables; use claviger_app");
  if (excess.Bool(0, 2))
    return Forbidden("The daemon's database role can change audit records; use claviger_app");
  return Ok();
}

}  // namespace claviger::schema
