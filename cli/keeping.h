#pragma once
// Where the refresh token of a session lies: in the keyring of the person's desktop if there is one, else in
// session.json.
//
// Who changes both holds the session's turn, and changes the keyring first and then the file. If they are
// killed in between, what is left works, or says to log in again:
//   login     the old session or none; one of the same account renews itself with the new token from the
//   keyring renewal   a file with the token before, whose session renews itself with the next token from the
//   keyring log out   a file that names a token which is gone: good until its own token expires

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
