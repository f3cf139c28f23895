#include "api/secrets/secrets.h"

#include "api/vaults/vaults.h"
#include "api/vaults/vaults_store.h"
#include "crypto/envelope.h"

namespace claviger::api {
namespace {

// An attempt fails only because another write of the path committed during it, so of n writers at once each
// needs n attempts at most. Nobody waits for another meanwhile, but for a moment inside PostgreSQL.
constexpr int kPutAttempts = 32;
constexpr size_t kFixedTextBytes = 256;  // of encoded metadata, besides path and the client's own metadata

Error SecretNotFound() { return NotFound("Secret not found"); }

// What the record says about the place; a path that cannot exist stays out of the log.
void NotePlace(AuditDraft& audit, const VaultId& vault, std::string_view path) {
  audit.AddDetail("vault_id", vault.ToString());
  if (IsSecretPath(path)) audit.AddDetail("path", path);
}

void NoteVersion(AuditDraft& audit, const crypto::SecretIdentity& identity) {
  audit.SetResource("secret", identity.secret.ToString());
  audit.AddDetail("version", identity.version);
}

// What the next version will be, all but its sealed value.
secrets_store::NewVersion PlanVersion(const secrets_store::WriteBase& base, std::string_view path,
                                      const Principal& principal, const PutSecretRequest& request,
                                      const Clock& clock, Random& random) {
  crypto::SecretIdentity identity{base.vault.org,   base.vault.id, {}, 1, base.kek->identity.version,
                                  std::string(path)};
  std::string type(kDefaultSecretType);
  if (base.previous) {
    identity.secret = base.previous->id;
    identity.version = base.previous->version + 1;
    type = base.previous->type.value_or(type);
  } else {
    identity.secret = SecretId{NewUuidV7(clock, random)};
  }
  return {identity, request.type.value_or(type), request, principal.type, principal.id, clock.Now(), {}};
}

SecretMetadata About(const secrets_store::NewVersion& version, std::string_view path) {
  return {version.identity.secret,   std::string(path),        version.type,
          version.identity.version,  version.request.metadata, version.created_at,
          version.request.expires_at};
}

}  // namespace

Secrets::Secrets(schema::Pool& pool, crypto::Keyring& keyring, const AuditLog& audit, const Clock& clock,
                 Random& random)
    : pool_(pool), keyring_(keyring), audit_(audit), clock_(clock), random_(random) {}

Result<SecretMetadata> Secrets::Put(const Principal& principal, const VaultId& vault, std::string_view path,
                                    const PutSecretRequest& request, AuditDraft& audit) {
  if (!IsSecretPath(path)) {
    return Invalid(
        "A path has letters, digits, '-' and '_' in segments joined by '/', begins and ends with a letter "
        "or digit, and is at most 512 characters long");
  }
  NotePlace(audit, vault, path);
  for (int attempt = 0; attempt < kPutAttempts; ++attempt) {
    auto written = PutOnce(principal, vault, path, request, audit);
    if (written || written.error().kind != ErrorKind::kConflict) return written;
  }
  return Conflict("The secret is being changed by others; try again");
}

Result<SecretMetadata> Secrets::PutOnce(const Principal& principal, const VaultId& vault,
                                        std::string_view path, const PutSecretRequest& request,
                                        AuditDraft& audit) {
  std::optional<secrets_store::WriteBase> base;
  {
    TRY(auto lease, pool_.Acquire());
    TRY(base, secrets_store::FindForWrite(*lease, principal.org, vault, path));
  }
  if (!base) return VaultNotFound();
  TRY(const auto grant, Authorize(principal, Permission::kWrite, base->vault, path));
  if (!base->kek) return IntegrityFailure("newest KEK of a vault is missing");

  auto version = PlanVersion(*base, path, principal, request, clock_, random_);
  TRY(version.sealed,
      crypto::SealSecret(keyring_, random_, *base->kek, version.identity, request.value.View()));

  AuditDraft record = audit;  // another attempt may have to name another version
  NoteVersion(record, version.identity);
  TRY(auto lease, pool_.Acquire());
  TRYV(lease->RunTogether({secrets_store::Claim(grant, version, path),
                           secrets_store::InsertVersion(grant, version),
                           audit_.InsertCall(audit_.Finish(record, "success"))}));
  audit.MarkCommitted();
  return About(version, path);
}

Result<Secret> Secrets::Get(const Principal& principal, const VaultId& vault, std::string_view path,
                            AuditDraft& audit) {
  NotePlace(audit, vault, path);
  std::optional<secrets_store::FoundSecret> found;
  {
    TRY(auto lease, pool_.Acquire());
    TRY(found, secrets_store::FindForRead(*lease, principal.org, vault, path));
  }
  if (!found) return VaultNotFound();
  TRY(const auto grant, Authorize(principal, Permission::kRead, found->vault(), path));
  if (!found->exists() || !IsSecretPath(path)) return SecretNotFound();

  crypto::SecretIdentity identity = found->identity();
  identity.path = path;  // what was asked for, whatever the row is called by now
  NoteVersion(audit, identity);
  TRY(auto about, found->About());
  if (found->deleted()) return Gone("The secret was deleted");
  if (about.expires_at && *about.expires_at <= clock_.Now()) return Gone("The secret has expired");
  if (found->used_up()) return Gone("The secret was read as often as allowed");

  TRY(const auto sealed, found->Unlock(grant));
  TRY(auto value, crypto::OpenSecret(keyring_, sealed.kek, identity, sealed.secret));
  if (found->limited()) {
    TRYV(CheckSecretMetadata(about));  // a read that cannot be answered must not be counted
    TRYV(SpendAccess(grant, identity, audit));
  }
  return Secret{std::move(about), found->created_by(), std::move(value)};
}

Status Secrets::SpendAccess(const Grant& grant, const crypto::SecretIdentity& identity, AuditDraft& audit) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool counted, secrets_store::CountAccess(*lease, grant, identity));
  if (!counted) return Gone("The secret was read as often as allowed");
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

Status Secrets::Delete(const Principal& principal, const VaultId& vault, std::string_view path,
                       AuditDraft& audit) {
  NotePlace(audit, vault, path);
  TRY(auto lease, pool_.Acquire());
  TRY(const auto found, vaults_store::Find(*lease, principal.org, vault));
  if (!found) return VaultNotFound();
  TRY(const auto grant, Authorize(principal, Permission::kDelete, FactsOf(principal.org, *found), path));
  if (!IsSecretPath(path)) return SecretNotFound();

  TRY(auto transaction, lease->Begin());
  TRY(const auto id, secrets_store::SoftDelete(*lease, grant, path, clock_.Now()));
  if (!id) return SecretNotFound();
  audit.SetResource("secret", id->ToString());
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

Result<http::Page<SecretMetadata>> Secrets::List(const Principal& principal, const VaultId& vault,
                                                 const ListQuery& query) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto found, vaults_store::Find(*lease, principal.org, vault));
  if (!found) return VaultNotFound();
  const auto grant = Authorize(principal, Permission::kList, FactsOf(principal.org, *found), query.prefix);
  if (!grant) {
    const bool hidden = grant.error().kind == ErrorKind::kForbidden && principal.type == PrincipalType::kUser;
    if (hidden) return http::Page<SecretMetadata>{};
    return grant.error();
  }
  if (!HasPathCharacters(query.prefix)) return http::Page<SecretMetadata>{};
  return http::CollectPage<SecretMetadata>(
      query.limit,
      [&](const SecretMetadata* last, int64_t count) {
        return secrets_store::List(*lease, grant.value(), query.prefix, last ? last->path : query.after,
                                   count);
      },
      [](const SecretMetadata& secret) {
        return kFixedTextBytes + secret.path.size() + secret.metadata.size();
      });
}

}  // namespace claviger::api
