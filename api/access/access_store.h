#pragma once
// What the database says of the owner of a credential, in one round trip: the authenticator's own statements
// on users, api_keys, agents and revoked_tokens. kUnauthenticated, with the reason as its cause, if the
// credential does not stand.

#include "api/access/principal.h"
#include "base/clock.h"
#include "crypto/credential.h"
#include "crypto/jws.h"
#include "schema/pg/pg.h"

namespace claviger::api::access_store {

// The token's signature and times have been checked. To what paths its scopes limit an agent is not looked
// at.
Result<Principal> LoadTokenOwner(schema::Connection& connection, const crypto::TokenClaims& claims, Time now);

// `macs` are CredentialMacs for kApiKeyPurpose. A key that is good and lies under an older lookup key is
// stored anew under the newest, and nothing else of it is changed.
Result<Principal> LoadApiKeyOwner(schema::Connection& connection, const crypto::LookupMacs& macs, Time now);
// The same for kAgentKeyPurpose. The agent is limited to the paths that its stored scopes name, if they name
// any.
Result<Principal> LoadAgent(schema::Connection& connection, const crypto::LookupMacs& macs, Time now);

// Somebody in whose name something is done while they show no credential, with their rights of now; an agent
// is limited as by LoadAgent.
Result<Principal> LoadAbsent(schema::Connection& connection, PrincipalType type, const OrgId& org,
                             const Uuid& id, Time now);

}  // namespace claviger::api::access_store
