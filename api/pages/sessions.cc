#include "api/pages/sessions.h"

#include "api/pages/sessions_store.h"
#include "crypto/credential.h"

namespace claviger::api::pages {
namespace {

constexpr std::string_view kPurpose = "claviger/page-session/1";

}  // namespace

Result<SecretBytes> Sessions::Open(const AccessToken& token) {
  SecretBytes cookie = NewCookie(random_);
  TRY(const auto mac, crypto::CredentialMac(keyring_, kPurpose, cookie.Text()));
  TRY(auto lease, pool_.Acquire());
  const auto inserted = sessions_store::Insert(*lease, token, mac, clock_.Now());
  if (!inserted && inserted.error().kind == ErrorKind::kConflict) {
    return Unauthenticated("the account is gone");
  }
  TRYV(inserted);
  return cookie;
}

Result<std::optional<Session>> Sessions::Find(const std::optional<SecretBytes>& cookie) {
  if (!cookie) return std::optional<Session>();
  TRY(const auto macs, crypto::CredentialMacs(keyring_, kPurpose, cookie->Text()));
  TRY(auto lease, pool_.Acquire());
  return sessions_store::Find(*lease, macs, clock_.Now());
}

Result<bool> Sessions::Spend(schema::Connection& connection, const Session& session) {
  return sessions_store::Delete(connection, session);
}

}  // namespace claviger::api::pages
