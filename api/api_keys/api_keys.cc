#include "api/api_keys/api_keys.h"

#include "api/access/change_feed.h"
#include "api/api_keys/api_keys_store.h"
#include "api/auth/auth_store.h"
#include "crypto/credential.h"

namespace claviger::api {
namespace {

// The one text for every fault of a key that is to be exchanged; other failures stay what they are.
Error RefuseExchange(Error error) {
  if (error.kind == ErrorKind::kUnauthenticated) error.detail = "Invalid credentials";
  return error;
}

constexpr size_t kFixedTextBytes = 400;  // of an encoded key, besides name and scopes

size_t SizeOf(const ApiKey& key) {
  size_t size = kFixedTextBytes + key.name.size();
  for (const auto& scope : key.scopes) size += scope.size() + 3;
  return size;
}

UserId UserOf(const Principal& principal) { return UserId{principal.id}; }

}  // namespace

Result<ApiKeys::Created> ApiKeys::Create(const Principal& principal, CreateApiKeyRequest request,
                                         const http::ClientAddress& client, AuditDraft& audit) {
  Created created;
  created.text = crypto::NewCredential(kApiKeyPrefix, parts_.random);
  ApiKey& key = created.key;
  key.id = KeyId{NewUuidV7(parts_.clock, parts_.random)};
  key.name = std::move(request.name);
  key.prefix = created.text.Text().substr(0, kApiKeyPrefixChars);
  key.scopes = std::move(request.scopes);
  key.created_at = parts_.clock.Now();
  key.expires_at = request.expires_at;
  audit.SetResource("api_key", key.id.ToString());

  TRY(const auto mac, crypto::CredentialMac(parts_.keyring, kApiKeyPurpose, created.text.Text()));
  TRY(const auto mail, PrepareMail(principal, key, client));
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const int64_t lately, MakeRoom(*lease, principal));
  TRYV(api_keys_store::Insert(*lease, principal.org, UserOf(principal), key, mac));
  if (lately < kMailsPerHour) {
    TRY(const bool posted, parts_.mail.Post(*lease, mail));
    if (!posted) audit.AddDetail("mail", "outbox full");
  }
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return created;
}

Result<std::optional<Mail::Prepared>> ApiKeys::PrepareMail(const Principal& principal, const ApiKey& key,
                                                           const http::ClientAddress& client) {
  std::optional<auth_store::Credentials> owner;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(owner, auth_store::FindById(*lease, principal.org, UserOf(principal)));
  }
  if (!owner) return Unauthenticated("the account is gone");
  return parts_.mail.Prepare(owner->email, ApiKeyCreatedMail(parts_.mail.url(), owner->email,
                                                             key.id.ToString(), client, key.created_at));
}

// The person's row, locked, stands for the keys, of which there may be none yet.
Result<int64_t> ApiKeys::MakeRoom(schema::Connection& connection, const Principal& principal) {
  const UserId user = UserOf(principal);
  TRY(const bool locked, api_keys_store::LockOwner(connection, principal.org, user));
  if (!locked) return Unauthenticated("the account is gone");
  const Time now = parts_.clock.Now();
  TRY(const auto tally, api_keys_store::Count(connection, principal.org, user, now - std::chrono::hours(1)));
  if (tally.keys < kMaxApiKeys) return tally.lately;
  TRY(const bool removed, api_keys_store::RemoveOldestDead(connection, principal.org, user, now));
  if (!removed) return Conflict("You have 1000 API keys, the most there can be");
  return tally.lately;
}

Result<http::Page<ApiKey>> ApiKeys::List(const Principal& principal, const std::optional<KeyId>& after,
                                         int64_t limit) {
  TRY(auto lease, parts_.pool.Acquire());
  return http::CollectPage<ApiKey>(
      limit,
      [&](const ApiKey* last, int64_t count) {
        return api_keys_store::List(*lease, principal.org, UserOf(principal), last ? last->id : after, count);
      },
      SizeOf);
}

Status ApiKeys::Revoke(const Principal& principal, const KeyId& id, AuditDraft& audit) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool found, api_keys_store::Revoke(*lease, principal.org, UserOf(principal), id));
  if (!found) return NotFound("API key not found");
  TRYV(lease->Run(ChangeCall("key", id.uuid)));
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  parts_.authenticator.ForgetKey(id);
  audit.MarkCommitted();
  return Ok();
}

Result<AccessToken> ApiKeys::Exchange(const SecretBytes& key, AuditDraft& audit) {
  const Time now = parts_.clock.Now();
  auto owner = parts_.authenticator.AuthenticateKey(key.Text());
  if (!owner.has_value()) return RefuseExchange(owner.error());
  const Principal& principal = owner.value();
  if (principal.type != PrincipalType::kUser) {
    return MakeError(ErrorKind::kUnauthenticated, "Invalid credentials", "the key is an agent's");
  }
  audit.SetActor(principal);
  audit.SetResource("api_key", principal.key.ToString());
  TokenTerms terms;
  terms.subject = principal.id;
  terms.org = principal.org;
  terms.key = principal.key;
  terms.end = principal.expires_at;
  auto token = parts_.tokens.Issue(terms, now);
  if (!token.has_value()) return RefuseExchange(token.error());
  audit.SetAction("auth.success");
  return token;
}

}  // namespace claviger::api
