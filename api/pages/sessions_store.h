#pragma once
// Every SQL statement on page_sessions.

#include <optional>

#include "api/pages/sessions.h"
#include "crypto/credential.h"
#include "schema/pg/pg.h"

namespace claviger::api::pages::sessions_store {

// Removes what has expired. kConflict if the person is gone.
Status Insert(schema::Connection& connection, const AccessToken& token, const crypto::LookupMac& mac,
              Time now);
// What has neither expired nor been overtaken by a change of the password.
Result<std::optional<Session>> Find(schema::Connection& connection, const crypto::LookupMacs& macs, Time now);
Result<bool> Delete(schema::Connection& connection, const Session& session);

}  // namespace claviger::api::pages::sessions_store
