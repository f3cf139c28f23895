#include "api/secrets/secrets.h"

#include <algorithm>
#include <limits>
#include <map>

#include "api/vaults/vaults.h"
#include "api/vaults/vaults_store.h"
#include "crypto/cmek.h"
#include "crypto/envelope.h"

namespace claviger::api {
namespace {

// An attempt fails only because another write of the path committed during it, so of n writers at once each
// needs n attempts at most. Nobody waits for another meanwhile, but for a moment inside PostgreSQL.
constexpr int kPutAttempts = 32;
constexpr int32_t kAnyValue = std::numeric_limits<int32_t>::max();
constexpr int32_t kShortValue = 64 * 1024;  // may be read or written together with others
constexpr size_t kFixedTextBytes = 256;     // of encoded metadata, besides path and the client's own metadata
constexpr int64_t kMaxHidden = 20'000;      // secrets that one page passes over

Error SecretNotFound() { return NotFound("Secret not found"); }
Error UsedUp() { return Gone("The secret was read as often as allowed"); }
// Whoever has a share learns no more of what became of the rights of who made it.
Error NoLongerShared() { return Gone("The secret is no longer shared"); }

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
  return {identity, request.type.value_or(type), request, principal.type, principal.id, clock.Now(), {},
          base.cmek};
}

// An agent for which transactions are signed gets no key to sign others with.
Status CheckWithheld(const Principal& principal, const SecretMetadata& secret) {
  if (!principal.intents || (secret.type != "private_key" && secret.type != "ssh_key")) return Ok();
  return Forbidden("Agents with the Intents API do not read private keys");
}

SecretMetadata About(const secrets_store::NewVersion& version, std::string_view path) {
  return {version.identity.secret,   std::string(path),        version.type,
          version.identity.version,  version.request.metadata, version.created_at,
          version.request.expires_at};
}

}  // namespace

Secrets::Secrets(schema::Pool& pool, crypto::Keyring& keyring, PolicyBook& book, const AuditLog& audit,
                 const Clock& clock, Random& random, SecretsConfig config)
    : pool_(pool),
      keyring_(keyring),
      book_(book),
      audit_(audit),
      clock_(clock),
      random_(random),
      config_(config) {}

// A version on its way into the database.
struct Secrets::Planned {
  const Write* write;
  Grant grant;
  crypto::WrappedKek kek;
  secrets_store::NewVersion version;

  crypto::AuditRecord Record(const AuditLog& log) const {
    AuditDraft draft = write->audit;  // another attempt may have to name another version
    NoteVersion(draft, version.identity);
    return log.Finish(draft, "success");
  }
};

Result<SecretMetadata> Secrets::Put(const Write& write) {
  if (!IsSecretPath(write.path)) {
    return Invalid(
        "A path has letters, digits, '-' and '_' in segments joined by '/', begins and ends with a letter "
        "or digit, and is at most 512 characters long");
  }
  NotePlace(write.audit, write.vault, write.path);
  for (int attempt = 0; attempt < kPutAttempts; ++attempt) {
    auto written = PutOnce(write);
    if (written || written.error().kind != ErrorKind::kConflict) return written;
  }
  return Conflict("The secret is being changed by others; try again");
}

Result<SecretMetadata> Secrets::PutOnce(const Write& write) {
  const Principal& principal = write.caller.principal;
  TRY(const auto bases, FindBases({{principal.org, write.vault, write.path}}));
  const auto& base = bases.front();
  if (!base) return VaultNotFound();
  TRY(const auto policies, book_.For(principal, base->vault));
  TRY(auto plan, Plan(write, *base, policies.get()));
  auto& version = plan.version;
  TRY(version.sealed, Noted(write.audit, crypto::SealSecret(keyring_, random_, plan.kek, version.identity,
                                                            write.request.value.View())));

  std::vector<schema::Connection::Call> calls;
  if (version.cmek) calls.push_back(secrets_store::KeepCmek(plan.grant, *version.cmek));
  calls.push_back(secrets_store::Claim(plan.grant, version, write.path));
  calls.push_back(secrets_store::InsertVersion(plan.grant, version));
  calls.push_back(audit_.InsertCall(plan.Record(audit_)));
  TRY(auto lease, pool_.Acquire());
  TRYV(config_.tier.RunTogether(*lease, Tier::Resource::kSecrets, principal.org, calls, write.audit));
  write.audit.MarkCommitted();
  return About(version, write.path);
}

Result<Secrets::Planned> Secrets::Plan(const Write& write, const secrets_store::WriteBase& base,
                                       const PolicySet* policies) const {
  TRY(const auto grant, Noted(write.audit, Authorize(AskerOf(write.caller), Permission::kWrite, base.vault,
                                                     policies, write.path)));
  if (!base.kek) return IntegrityFailure("newest KEK of a vault is missing");
  if (base.cmek && config_.check_cmek_form && !crypto::IsCmekBlob(write.request.value.Text())) {
    return Invalid(
        "This vault is under a customer-managed key: value must be base64 of a blob that was sealed with it");
  }
  return Planned{&write, grant, *base.kek,
                 PlanVersion(base, write.path, write.caller.principal, write.request, clock_, random_)};
}

Result<std::vector<std::optional<secrets_store::WriteBase>>> Secrets::FindBases(
    const std::vector<secrets_store::Place>& places) {
  TRY(auto lease, pool_.Acquire());
  return secrets_store::FindForWrite(*lease, places);
}

std::vector<std::optional<Result<SecretMetadata>>> Secrets::PutTogether(const std::vector<Write>& writes) {
  std::vector<std::optional<Result<SecretMetadata>>> answers(writes.size());
  // A version of what was deleted meanwhile is one secret more.
  if (config_.tier.Caps(Tier::Resource::kSecrets)) return answers;
  const auto plans = PlanTogether(writes);
  if (plans.empty()) return answers;
  auto lease = pool_.Acquire();
  if (!lease) return answers;

  const auto written = CommitTogether(*lease.value(), plans);
  // A connection lost meanwhile leaves the outcome unknown: trying again could write twice.
  if (!written && !lease.value()->broken()) return answers;
  for (const Planned& plan : plans) {
    auto& answer = answers[static_cast<size_t>(plan.write - writes.data())];
    if (!written) {
      answer = written.error();
    } else if (written.value().contains(plan.version.identity.secret)) {
      answer = About(plan.version, plan.write->path);
    }
  }
  return answers;
}

std::vector<Secrets::Planned> Secrets::PlanTogether(const std::vector<Write>& writes) {
  std::vector<secrets_store::Place> places;
  for (const Write& write : writes) {
    NotePlace(write.audit, write.vault, write.path);
    places.push_back({write.caller.principal.org, write.vault, write.path});
  }
  const auto bases = FindBases(places);
  if (!bases) return {};

  std::map<SecretId, Planned> by_secret;
  for (size_t i = 0; i < writes.size(); ++i) {
    if (!IsSecretPath(writes[i].path) || writes[i].request.value.size() > kShortValue) continue;
    const auto& base = bases.value()[i];
    if (!base || base->cmek) continue;
    const auto policies = book_.Recall(writes[i].caller.principal, base->vault);
    if (!policies) continue;
    auto plan = Plan(writes[i], *base, policies->get());
    if (!plan || plan.value().version.identity.version == 1) continue;
    const SecretId secret = plan.value().version.identity.secret;
    by_secret.try_emplace(secret, std::move(plan).value());
  }
  std::vector<crypto::SecretToSeal> to_seal;
  for (const auto& [secret, plan] : by_secret) {
    to_seal.push_back({plan.kek, plan.version.identity, plan.write->request.value.View()});
  }
  auto sealed = crypto::SealSecrets(keyring_, random_, to_seal);
  std::vector<Planned> plans;
  size_t n = 0;
  for (auto& [secret, plan] : by_secret) {
    auto& seal = sealed[n++];
    if (!seal) continue;
    plan.version.sealed = *std::move(seal);
    plans.push_back(std::move(plan));
  }
  return plans;
}

Result<std::set<SecretId>> Secrets::CommitTogether(schema::Connection& connection,
                                                   const std::vector<Planned>& plans) {
  std::vector<secrets_store::Granted> versions;
  for (const Planned& plan : plans) versions.push_back({plan.grant, plan.version});
  TRY(auto transaction, connection.Begin());
  TRY(auto written, secrets_store::WriteNext(connection, versions));
  std::vector<crypto::AuditRecord> records;
  for (const Planned& plan : plans) {
    if (written.contains(plan.version.identity.secret)) records.push_back(plan.Record(audit_));
  }
  TRYV(audit_.Insert(connection, records));
  TRYV(transaction.Commit());
  // Before anything else can go wrong: what is marked is never written again.
  for (const Planned& plan : plans) {
    if (written.contains(plan.version.identity.secret)) plan.write->audit.MarkCommitted();
  }
  return written;
}

// What may be opened for a caller.
struct Secrets::Readable {
  Grant grant;
  crypto::SecretIdentity identity;
  SecretMetadata about;
  std::string created_by;
  bool cmek_encrypted;
  bool limited;
  secrets_store::FoundSecret::Sealed sealed;
};

Result<Secrets::Readable> Secrets::Admit(const Read& read, const secrets_store::FoundSecret& found,
                                         const PolicySet* policies) const {
  TRY(const auto grant, Noted(read.audit, Authorize(AskerOf(read.caller), Permission::kRead, found.vault(),
                                                    policies, read.path)));
  if (!found.exists() || !IsSecretPath(read.path)) return SecretNotFound();

  crypto::SecretIdentity identity = found.identity();
  identity.path = read.path;  // what was asked for, whatever the row is called by now
  NoteVersion(read.audit, identity);
  TRY(auto about, found.About());
  TRYV(CheckWithheld(read.caller.principal, about));
  if (found.deleted()) return Gone("The secret was deleted");
  if (about.expires_at && *about.expires_at <= clock_.Now()) return Gone("The secret has expired");
  if (found.used_up()) return UsedUp();

  TRY(auto sealed, found.Unlock(grant));
  return Readable{
      grant,           std::move(identity), std::move(about), found.created_by(), found.cmek_encrypted(),
      found.limited(), std::move(sealed)};
}

Result<std::vector<std::optional<secrets_store::FoundSecret>>> Secrets::Find(
    const std::vector<secrets_store::Place>& places, int32_t max_ciphertext) {
  TRY(auto lease, pool_.Acquire());
  return secrets_store::FindForRead(*lease, places, max_ciphertext);
}

Result<Secrets::Readable> Secrets::FindReadable(const Read& read) {
  NotePlace(read.audit, read.vault, read.path);
  const Principal& principal = read.caller.principal;
  TRY(const auto places, Find({{principal.org, read.vault, read.path}}, kAnyValue));
  const auto& found = places.front();
  if (!found) return VaultNotFound();
  TRY(const auto policies, book_.For(principal, found->vault()));
  return Admit(read, *found, policies.get());
}

Result<Secret> Secrets::Open(const Read& read, Readable readable, const Within& within) {
  const auto& sealed = readable.sealed;
  TRY(auto value,
      Noted(read.audit, crypto::OpenSecret(keyring_, sealed.kek, readable.identity, sealed.secret)));
  if (readable.limited || within) {
    TRYV(CheckSecretMetadata(readable.about));  // a read that cannot be answered must not be counted
    TRYV(Commit(read, readable, within));
  }
  return Secret{std::move(readable.about), std::move(readable.created_by), std::move(value),
                readable.cmek_encrypted};
}

Result<Secret> Secrets::Get(const Read& read) {
  TRY(auto readable, FindReadable(read));
  return Open(read, std::move(readable), {});
}

Status Secrets::CheckRead(const Read& read) {
  TRYV(FindReadable(read));
  return Ok();
}

Result<Secret> Secrets::GetShared(const SharedRead& shared) {
  auto readable = FindReadable(shared.read);
  if (!readable) {
    const ErrorKind kind = readable.error().kind;
    if (kind == ErrorKind::kForbidden || kind == ErrorKind::kNotFound) return NoLongerShared();
    return readable.error();
  }
  TRYV(CheckWithheld(shared.reader, readable.value().about));
  return Open(shared.read, std::move(readable).value(), shared.within);
}

std::vector<std::optional<Secret>> Secrets::GetTogether(const std::vector<Read>& reads) {
  std::vector<std::optional<Secret>> secrets(reads.size());
  std::vector<secrets_store::Place> places;
  for (const Read& read : reads) {
    NotePlace(read.audit, read.vault, read.path);
    places.push_back({read.caller.principal.org, read.vault, read.path});
  }
  const auto found = Find(places, kShortValue);
  if (!found) return secrets;

  std::vector<std::optional<Readable>> readable(reads.size());
  std::vector<crypto::SecretToOpen> to_open;
  std::vector<size_t> opening;
  for (size_t i = 0; i < reads.size(); ++i) {
    const auto& secret = found.value()[i];
    if (!secret) continue;
    const auto policies = book_.Recall(reads[i].caller.principal, secret->vault());
    if (!policies) continue;
    auto admitted = Admit(reads[i], *secret, policies->get());
    if (!admitted || admitted.value().limited) continue;
    readable[i] = std::move(admitted).value();
    to_open.push_back({readable[i]->sealed.kek, readable[i]->identity, readable[i]->sealed.secret});
    opening.push_back(i);
  }
  auto values = crypto::OpenSecrets(keyring_, to_open);
  for (size_t n = 0; n < opening.size(); ++n) {
    if (!values[n]) continue;
    auto& [grant, identity, about, created_by, cmek_encrypted, limited, sealed] = *readable[opening[n]];
    secrets[opening[n]] =
        Secret{std::move(about), std::move(created_by), *std::move(values[n]), cmek_encrypted};
  }
  return secrets;
}

Status Secrets::Commit(const Read& read, const Readable& readable, const Within& within) {
  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  if (within) {
    TRYV(within(*lease));
  }
  if (readable.limited) {
    TRY(const bool counted, secrets_store::CountAccess(*lease, readable.grant, readable.identity));
    if (!counted) return UsedUp();
  }
  TRYV(audit_.Insert(*lease, audit_.Finish(read.audit, "success")));
  TRYV(transaction.Commit());
  read.audit.MarkCommitted();
  return Ok();
}

Result<VaultFacts> Secrets::FindVault(const Principal& principal, const VaultId& vault) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto found, vaults_store::Find(*lease, principal.org, vault));
  if (!found) return VaultNotFound();
  return FactsOf(principal.org, *found);
}

Status Secrets::Delete(const Caller& caller, const VaultId& vault, std::string_view path, AuditDraft& audit) {
  NotePlace(audit, vault, path);
  TRY(const auto facts, FindVault(caller.principal, vault));
  TRY(const auto policies, book_.For(caller.principal, facts));
  TRY(const auto grant,
      Noted(audit, Authorize(AskerOf(caller), Permission::kDelete, facts, policies.get(), path)));
  if (!IsSecretPath(path)) return SecretNotFound();

  TRY(auto lease, pool_.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const auto id, secrets_store::SoftDelete(*lease, grant, path, clock_.Now()));
  if (!id) return SecretNotFound();
  audit.SetResource("secret", id->ToString());
  TRYV(audit_.Insert(*lease, audit_.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

Result<Secrets::Listing> Secrets::List(const Caller& caller, const VaultId& vault, const ListQuery& query,
                                       AuditDraft& audit) {
  TRY(const auto facts, FindVault(caller.principal, vault));
  TRY(const auto policies, book_.For(caller.principal, facts));
  const Asker asker = AskerOf(caller);
  const auto grant = Authorize(asker, Permission::kList, facts, policies.get(), {});
  const bool is_empty_for_people =
      !grant && grant.error().kind == ErrorKind::kForbidden && caller.principal.type == PrincipalType::kUser;
  if (is_empty_for_people) return Listing{};
  if (!grant) return Noted(audit, grant).error();
  if (!HasPathCharacters(query.prefix)) return Listing{};
  return Collect(asker, facts, grant.value(), policies.get(), query);
}

Result<Secrets::Listing> Secrets::Collect(const Asker& asker, const VaultFacts& vault, const Grant& grant,
                                          const PolicySet* policies, const ListQuery& query) {
  TRY(auto lease, pool_.Acquire());
  std::string after = query.after;
  if (query.after_id) {
    TRY(const auto path, secrets_store::PathOf(*lease, grant, *query.after_id));
    if (!path) return Invalid("after_id must be the id of a secret of the vault");
    after = *path;
  }
  Listing listing;
  std::optional<SecretId> last;
  size_t bytes = 0;
  int64_t hidden = 0;
  while (true) {
    const int64_t room = query.limit - static_cast<int64_t>(listing.items.size());
    // One more than there is room for tells whether the list goes on.
    const int64_t count = hidden > 0 ? http::kBatchItems : std::min(room + 1, http::kBatchItems);
    TRY(auto batch, secrets_store::List(*lease, grant, query.prefix, after, count));
    for (SecretMetadata& secret : batch) {
      const bool shown = MayRead(asker, vault, policies, secret.path);
      const size_t size = kFixedTextBytes + secret.path.size() + secret.metadata.size();
      // The first item is always taken, or a page could stand still.
      const bool fits = listing.items.empty() || (static_cast<int64_t>(listing.items.size()) < query.limit &&
                                                  bytes + size <= http::kMaxPageBytes);
      if (shown ? !fits : hidden == kMaxHidden) {
        listing.next = last;
        return listing;
      }
      after = secret.path;
      last = secret.id;
      if (!shown) {
        ++hidden;
        continue;
      }
      bytes += size;
      listing.items.push_back(std::move(secret));
    }
    if (static_cast<int64_t>(batch.size()) < count) return listing;
  }
}

}  // namespace claviger::api
