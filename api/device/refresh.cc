#include "api/device/refresh.h"

#include "crypto/credential.h"

namespace claviger::api {
namespace {

constexpr std::string_view kPrefix = "crt_";
constexpr std::string_view kPurpose = "claviger/refresh-token/1";

DeviceTokenAnswer Dead(AuditDraft& audit, std::string_view reason) {
  audit.Refuse(reason);
  return DeviceError::kInvalidGrant;
}

// As with access tokens: what is older than the last change of the password is dead.
bool Outlived(Time began_at, Time tokens_valid_from) {
  return UnixSeconds(began_at) < UnixSeconds(tokens_valid_from);
}

refresh_store::Issued IssuedWith(crypto::LookupMac mac, const AccessToken& access, Time now) {
  return {std::move(mac), access.id, now + std::chrono::seconds(access.expires_in)};
}

}  // namespace

Result<Refresh::Prepared> Refresh::Prepare() {
  Prepared prepared;
  prepared.token = crypto::NewCredential(kPrefix, parts_.random);
  TRY(prepared.mac, crypto::CredentialMac(parts_.keyring, kPurpose, prepared.token.Text()));
  return prepared;
}

Status Refresh::Begin(schema::Connection& connection, const device_store::Waiting& login,
                      const Prepared& prepared, const AccessToken& access) {
  const Time now = parts_.clock.Now();
  refresh_store::Family family;
  family.org = login.decider.org;
  family.id = NewUuidV7(parts_.clock, parts_.random);
  family.user = login.decider.user;
  family.client_id = login.client_id;
  family.began_at = login.decided_at;
  family.expires_at = now + kLife;
  family.rotated_at = now;
  return refresh_store::Insert(connection, family, IssuedWith(prepared.mac, access, now), now - kIdleLife,
                               kFamiliesPerPerson);
}

std::optional<refresh_store::Turn> Refresh::NextTurn(const refresh_store::Turn& turn, ByteView shown,
                                                     Time now) {
  if (EqualConstantTime(shown, turn.current)) return refresh_store::Turn{{}, turn.current, now};
  const bool repeated = EqualConstantTime(shown, turn.previous) && now <= turn.rotated_at + kRepeat;
  if (!repeated) return std::nullopt;
  return refresh_store::Turn{{}, turn.previous, turn.rotated_at};
}

Result<DeviceTokenAnswer> Refresh::Exchange(const SecretBytes& token, AuditDraft& audit) {
  const Time now = parts_.clock.Now();  // before the user is read, see api/auth/auth.h
  if (!crypto::HasCredentialForm(kPrefix, token.Text())) return Dead(audit, "malformed refresh token");
  TRY(const auto macs, crypto::CredentialMacs(parts_.keyring, kPurpose, token.Text()));
  std::optional<refresh_store::Family> family;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(family, refresh_store::Find(*lease, macs));
  }
  if (!family) return Dead(audit, "unknown refresh token");
  audit.SetActor("anonymous", "", family->org);
  audit.SetResource("user", family->user.ToString());
  if (family->expires_at <= now || family->rotated_at + kIdleLife <= now ||
      family->rotations >= kMaxRotations) {
    return Dead(audit, "expired refresh token");
  }
  if (Outlived(family->began_at, family->tokens_valid_from)) {
    return Dead(audit, "the password changed since the approval");
  }
  TRY(auto access, parts_.tokens.Issue(family->org, family->user, now, family->tokens_valid_from));
  TRY(auto next, Prepare());

  AuditDraft success = audit;
  success.SetAction("auth.success");
  success.SetActor("user", family->user.ToString(), family->org);
  success.AddDetail("client", family->client_id);
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool kept,
      device_store::SharePerson(*lease, {family->org, family->user}, family->tokens_valid_from));
  if (!kept) return Dead(audit, "the account or its password changed meanwhile");
  TRY(const auto turn, refresh_store::Lock(*lease, *family));
  if (!turn) return Dead(audit, "unknown refresh token");
  const auto allowed = NextTurn(*turn, family->shown, now);
  if (!allowed) return EndFamily(*lease, transaction, *family, now, audit);
  TRYV(refresh_store::Rotate(*lease, *family, *allowed, IssuedWith(next.mac, access, now)));
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(success, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return DeviceTokenAnswer(
      DeviceGrant{std::move(access), family->email, family->user, family->org, std::move(next.token)});
}

Result<DeviceTokenAnswer> Refresh::EndFamily(schema::Connection& connection,
                                             schema::Connection::Transaction& transaction,
                                             const refresh_store::Family& family, Time now,
                                             AuditDraft& audit) {
  audit.Refuse("a spent refresh token was used: its family ends");
  TRY(const auto revoked, refresh_store::End(connection, family, now));
  TRYV(parts_.audit.Insert(connection, parts_.audit.Finish(audit, "denied")));
  TRYV(transaction.Commit());
  for (const TokenId& access : revoked) parts_.authenticator.ForgetToken(access);
  audit.MarkCommitted();
  return DeviceTokenAnswer(DeviceError::kInvalidGrant);
}

}  // namespace claviger::api
