#pragma once
// The installation record: which HSM this database belongs to. It holds the system KEK, wrapped by the root
// key of that HSM; a database and a token that do not belong together are noticed before anything is served.

#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::daemon {

// The stored system KEK. kNotFound if the record has not been written yet.
Result<crypto::WrappedKek> LoadSystemKek(schema::Connection& connection);

// Writes the record with a new system KEK unless it is there. True if it was written now. Owner role only.
Result<bool> RecordInstallation(schema::Connection& owner, crypto::Keyring& keyring, const Clock& clock,
                                Random& random);

// Lets one program at a time make or destroy keys of the installation; held until the connection closes.
Status LockInstallationKeys(schema::Connection& connection);

// kIntegrity if this HSM cannot open the stored system KEK.
Status ProveKinship(crypto::Keyring& keyring, const crypto::WrappedKek& system_kek);

}  // namespace claviger::daemon
