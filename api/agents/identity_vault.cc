#include "api/agents/identity_vault.h"

#include "api/secrets/secrets_store.h"
#include "api/vaults/vaults.h"
#include "api/vaults/vaults_store.h"

namespace claviger::api {
namespace {

using Calls = std::vector<schema::Connection::Call>;

constexpr const char* kName = "__agent-keys";
constexpr const char* kDescription = "Identity keys of agents";
constexpr const char* kType = "generic";
constexpr uint32_t kFirstKekVersion = 1;

// As its agent reads it one day.
SecretBytes Base64Of(const SecretBytes& key) {
  std::string text = Base64Encode(key.View());
  SecretBytes encoded{std::string_view(text)};
  Wipe(text.data(), text.size());
  return encoded;
}

}  // namespace

Result<std::optional<IdentityVault::Place>> IdentityVault::Find(const OrgId& org) {
  TRY(auto lease, pool_.Acquire());
  TRY(const auto vault, vaults_store::FindByName(*lease, org, kName));
  if (!vault) return std::nullopt;
  TRY(auto bases, secrets_store::FindForWrite(*lease, {{org, vault->id, "agents"}}));
  if (!bases.front()) return std::nullopt;
  if (!bases.front()->kek) return IntegrityFailure("newest KEK of a vault is missing");
  return std::optional(Place{bases.front()->vault, *std::move(bases.front()->kek)});
}

Result<IdentityVault::Place> IdentityVault::Make(const OrgId& org, const AuditDraft& audit, Calls& calls) {
  Vault vault;
  vault.id = VaultId{NewUuidV7(clock_, random_)};
  vault.name = kName;
  vault.description = kDescription;
  vault.created_by_type = crypto::Name(PrincipalType::kUser);
  vault.created_at = clock_.Now();
  TRY(auto kek, keyring_.GenerateKek({org, vault.id, kFirstKekVersion}));
  AuditDraft made = audit;
  made.SetAction("vault.create");
  made.SetResource("vault", vault.id.ToString());
  calls.push_back(vaults_store::Insert(org, vault));
  calls.push_back(vaults_store::InsertKek(kek, vault.created_at));
  calls.push_back(audit_.InsertCall(audit_.Finish(made, "success")));
  return Place{FactsOf(org, vault), std::move(kek)};
}

Result<Calls> IdentityVault::StoreCalls(const Principal& author, const AgentId& agent, const Keys& keys,
                                        const AuditDraft& audit) {
  Calls calls;
  TRY(auto place, Find(author.org));
  if (!place) {
    TRY(place, Make(author.org, audit, calls));
  }
  TRY(const auto grant, AuthorizeDaemon(place->vault));
  for (const auto& [name, key] : {std::pair("ssh", &keys.ssh), std::pair("ecdh", &keys.ecdh)}) {
    const std::string path = "agents/" + agent.ToString() + "/" + name + "/private_key";
    PutSecretRequest request;
    request.value = Base64Of(key->private_key);
    crypto::SecretIdentity identity{
        author.org, place->vault.id, SecretId{NewUuidV7(clock_, random_)}, 1, place->kek.identity.version,
        path};
    secrets_store::NewVersion version{identity, kType, request, author.type, author.id, clock_.Now(), {}};
    TRY(version.sealed, crypto::SealSecret(keyring_, random_, place->kek, identity, request.value.View()));
    calls.push_back(secrets_store::Claim(grant, version, path));
    calls.push_back(secrets_store::InsertVersion(grant, version));
  }
  return calls;
}

}  // namespace claviger::api
