#pragma once
// The installation record: which HSM this database belongs to. With it goes the system KEK, wrapped by a root
// key of that HSM; a database and a token that do not belong together are noticed before anything is served.

#include <vector>

#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::daemon {

// All versions of the system KEK. kNotFound if the record has not been written yet.
Result<std::vector<crypto::WrappedKek>> LoadSystemKeks(schema::Connection& connection);

// Writes the record and a first system KEK unless it is there. True if it was written now. Owner role only.
Result<bool> RecordInstallation(schema::Connection& owner, crypto::Keyring& keyring, const Clock& clock,
                                Random& random);

// Lets one program at a time make or destroy keys of the installation; held until the connection closes.
Status LockInstallationKeys(schema::Connection& connection);

// kIntegrity if this HSM cannot open one of the system KEKs.
Status ProveKinship(crypto::Keyring& keyring, const std::vector<crypto::WrappedKek>& system_keks);

}  // namespace claviger::daemon
