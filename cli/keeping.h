#pragma once
// Where the refresh token of a session lies: in the keyring of the person's desktop if there is one, else in
// session.json.
//
// Who changes both holds the session's turn, and changes the keyring first and then the file. Whoever is
// killed in between leaves
//   at login: the session before, or none. If it is of the same account, the new token renews it.
//   at renewal: a file with the access token before. The token that the keyring has now renews it.
//   at log out: a file that names a token which is gone. It says to log in again.

#include "base/error.h"
#include "cli/session.h"

namespace claviger::cli {

// CLAVIGER_NO_KEYRING is set.
bool KeyringIsUnwanted();

// Moves the session's new refresh token into the keyring, in place of the account's token before. If that
// cannot be, it stays in the session, and stderr says so where a keyring is there, or was.
void MoveToKeyring(Session& session, const SessionFile& file);

// From the session or from the keyring. kUnauthenticated if the keyring does not give it.
Result<SecretBytes> RefreshTokenOf(const Session& session);

// The account's token, if the keyring holds one; also one that an interrupted login left there. stderr is
// told if the session's cannot be removed.
void RemoveFromKeyring(const Session& session);

}  // namespace claviger::cli
