#include "api/api_keys/api_keys.h"

#include "api/access/change_feed.h"
#include "api/api_keys/api_keys_store.h"
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

ApiKeys::ApiKeys(const Parts& parts)
    : pool_(parts.pool),
      keyring_(parts.keyring),
      authenticator_(parts.authenticator),
      tokens_(parts.tokens),
      audit_(parts.audit),
      clock_(parts.clock),
      random_(parts.random) {}

Result<ApiKeys::Created> ApiKeys::Create(const Principal& principal, CreateApiKeyRequest request,
                                         AuditDraft& audit) {
  Created created;
  created.text = crypto::NewCredential(kApiKeyPrefix, random_);
  ApiKey& key = created.key;
  key.id = KeyId{NewUuidV7(clock_, random_)};
  key.name = std::move(request.name);
  key.prefix = created.text.Text().substr(0, kApiKeyPrefixChars);
  key.scopes = std::move(request.scopes);
  key.created_at = clock_.Now();
  key.expires_at = request.expires_at;
  audit.SetResource("api_key", key.id.ToString());

  TRY(const auto mac, crypto::CredentialMac(keyring_, kApiKeyPurpose, created.text.Text()));
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRYV(MakeRoom(*lease, principal));
  TRYV(api_keys_store::Insert(*lease, principal.org, UserOf(principal), key, mac));
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return created;
}

// The person's row, locked, stands for the keys, of which there may be none yet.
Status ApiKeys::MakeRoom(schema::Connection& connection, const Principal& principal) {
  const UserId user = UserOf(principal);
  TRY(const bool locked, api_keys_store::LockOwner(connection, principal.org, user));
  if (!locked) return Unauthenticated("the account is gone");
  TRY(const int64_t count, api_keys_store::Count(connection, principal.org, user));
  if (count < kMaxApiKeys) return Ok();
  TRY(const bool removed, api_keys_store::RemoveOldestDead(connection, principal.org, user, clock_.Now()));
  if (!removed) return Conflict("You have 1000 API keys, the most there can be");
  return Ok();
}

Result<http::Page<ApiKey>> ApiKeys::List(const Principal& principal, const std::optional<KeyId>& after,
                                         int64_t limit) {
  TRY(auto lease, pool_.Acquire());
  return http::CollectPage<ApiKey>(
      limit,
      [&](const ApiKey* last, int64_t count) {
        return api_keys_store::List(*lease, principal.org, UserOf(principal), last ? last->id : after, count);
      },
      SizeOf);
}

Status ApiKeys::Revoke(const Principal& principal, const KeyId& id, AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool found, api_keys_store::Revoke(*lease, principal.org, UserOf(principal), id));
  if (!found) return NotFound("API key not found");
  TRYV(lease->Run(ChangeCall("key", id.uuid)));
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  authenticator_.ForgetKey(id);
  audit.MarkCommitted();
  return Ok();
}

Result<AccessToken> ApiKeys::Exchange(const SecretBytes& key, AuditDraft& audit) {
  const Time now = clock_.Now();
  auto owner = authenticator_.AuthenticateKey(key.Text());
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
  auto token = tokens_.Issue(terms, now);
  if (!token.has_value()) return RefuseExchange(token.error());
  audit.SetAction("auth.success");
  return token;
}

}  // namespace claviger::api
