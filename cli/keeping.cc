#include "cli/keeping.h"

#include <utility>

#include "cli/context.h"
#include "cli/output.h"
#include "cli/secret_service.h"

namespace claviger::cli {
namespace {

secret_service::Account AccountOf(const Session& session) { return {session.url, session.email}; }

}  // namespace

bool KeyringIsUnwanted() { return !Environment("CLAVIGER_NO_KEYRING").empty(); }

void MoveToKeyring(Session& session, const SessionFile& file) {
  const auto stored = secret_service::Store(AccountOf(session), session.refresh_token);
  const bool was_there = std::exchange(session.in_keyring, stored.has_value());
  if (stored) {
    session.refresh_token.Clear();
  } else if (was_there || stored.error().kind != ErrorKind::kNotFound) {
    Notice("The keyring cannot be used: " + Printable(stored.error().detail) +
           ". The refresh token is kept in " + file.path() + " instead.");
  }
}

Result<SecretBytes> RefreshTokenOf(const Session& session) {
  if (!session.in_keyring) return session.refresh_token.Clone();
  auto token = secret_service::Find(AccountOf(session));
  if (token) return token;
  return MakeError(ErrorKind::kUnauthenticated,
                   "The session renews itself with a token in the keyring, which cannot be used: " +
                       Printable(token.error().detail) + ". Mend that, or run 'claviger login'");
}

void RemoveFromKeyring(const Session& session) {
  if (!session.in_keyring && KeyringIsUnwanted()) return;
  const auto removed = secret_service::Remove(AccountOf(session));
  if (removed || !session.in_keyring) return;
  Notice("The keyring cannot be used: " + Printable(removed.error().detail) +
         ". It may still hold the refresh token of " + Printable(session.email) + " at " + session.url + ".");
}

}  // namespace claviger::cli
