#include "api/agents/agent_maker.h"

#include <utility>

#include "api/access/authenticator.h"
#include "api/agents/agents_store.h"
#include "crypto/credential.h"

namespace claviger::api {
namespace {

constexpr int kStoreAttempts = 3;

Time StartOfSecond(Time time) { return Time{std::chrono::seconds{UnixSeconds(time)}}; }

}  // namespace

Result<NewAgent> AgentMaker::Draw(const Principal& creator, CreateAgentRequest request) {
  NewAgent made;
  TRY(made.identity_keys.ssh, crypto::GenerateEd25519(parts_.random));
  TRY(made.identity_keys.ecdh, crypto::GenerateP256(parts_.random));
  Agent& agent = made.agent;
  agent.id = AgentId{NewUuidV7(parts_.clock, parts_.random)};
  agent.settings = std::move(request.settings);
  agent.identity = std::move(request.identity);
  agent.ssh_public_key = made.identity_keys.ssh.public_key;
  agent.ecdh_public_key = made.identity_keys.ecdh.public_key;
  agent.created_by = UserId{creator.id};
  agent.created_at = parts_.clock.Now();
  if (agent.identity.auth_method == "api_key") {
    made.key = crypto::NewCredential(kAgentKeyPrefix, parts_.random);
    TRY(made.mac, crypto::CredentialMac(parts_.keyring, kAgentKeyPurpose, made.key.Text()));
  }
  return made;
}

Result<bool> AgentMaker::Store(const Principal& creator, const NewAgent& made, const AuditDraft& audit,
                               const Besides& besides) {
  bool missed = false;
  for (int attempt = 0; attempt < kStoreAttempts; ++attempt) {
    TRY(const auto identity, identity_vault_.StoreCalls(creator, made.agent.id, made.identity_keys, audit));
    auto stored = StoreOnce(creator, made, identity, besides);
    if (stored.has_value()) return stored;
    // The account is gone; or, the first time, the vault's older key, which a rotation removed meanwhile.
    if (stored.error().sqlstate == "23503" && std::exchange(missed, true)) {
      return Unauthenticated("the account is gone");
    }
    if (stored.error().kind != ErrorKind::kConflict) return stored;
  }
  return Conflict("Others are creating agents; try again");
}

Result<bool> AgentMaker::StoreOnce(const Principal& creator, const NewAgent& made,
                                   const std::vector<schema::Connection::Call>& identity,
                                   const Besides& besides) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool room, agents_store::HasRoom(*lease, creator.org, kMaxAgents));
  if (!room) return false;
  for (const auto& call : identity) {
    TRYV(lease->Run(call));
  }
  TRYV(lease->Run(agents_store::Insert(creator.org, made.agent, made.mac,
                                       StartOfSecond(made.agent.created_at), made.enrolled)));
  TRY(const bool agreed, besides(*lease));
  if (!agreed) return false;
  TRYV(transaction.Commit());
  return true;
}

}  // namespace claviger::api
