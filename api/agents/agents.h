#pragma once
// Agents: programs that call by their own name.
//
// The life of an agent: a person of the organisation creates it, with identity keys (see identity_vault.h)
// and, unless it proves itself in another way, with an API key that is answered once; kept is the key's HMAC.
// Presented as a bearer credential, or exchanged for an access token, the key stands for the agent. What
// people decide about an agent is read from its row by the Authenticator: deactivation, expiry and the vaults
// it is bound to hold at once, for tokens too, and on other nodes within a second. A new key kills the old
// one and every token given before; so does reactivation kill tokens from before the deactivation. An agent
// stays when its creator goes.
//
// Every person of the organisation may see its agents; its creator, an admin or an owner may change it. An
// agent sees itself and changes nothing.

#include <optional>

#include "api/access/authenticator.h"
#include "api/agents/agent_maker.h"
#include "api/agents/agents_store.h"
#include "api/agents/agents_wire.h"
#include "api/audit/audit_log.h"
#include "api/auth/token_issuer.h"
#include "api/http/page.h"
#include "api/limits/tier.h"
#include "api/routes.h"

namespace claviger::api {

class Agents {
 public:
  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    Authenticator& authenticator;
    const TokenIssuer& tokens;
    const AuditLog& audit;
    const Clock& clock;
    Random& random;
    Tier tier = Tier();
  };
  explicit Agents(const Parts& parts)
      : parts_(parts), maker_({parts.pool, parts.keyring, parts.audit, parts.clock, parts.random}) {}

  struct WithKey {
    Agent agent;
    SecretBytes key;  // empty if it has none
  };
  // kInvalid if it shall be bound to a vault that the organisation does not have. kConflict if there are
  // kMaxAgents already.
  Result<WithKey> Create(const Principal& principal, CreateAgentRequest request, AuditDraft& audit);

  // In order of creation, beginning after the agent `after`.
  Result<http::Page<Agent>> List(const Principal& principal, const std::optional<AgentId>& after,
                                 int64_t limit);

  // kNotFound if absent or foreign; kForbidden for an agent that asks for another one, kUnauthenticated for
  // one that went with its organisation while it asked.
  Result<Agent> Get(const Principal& principal, const AgentId& id);

  // Applies the text of a request (ApplyUpdateAgent).
  Result<Agent> Update(const Principal& principal, const AgentId& id, std::string_view body,
                       AuditDraft& audit);
  // Its row stays. Doing it again changes nothing.
  Status Deactivate(const Principal& principal, const AgentId& id, AuditDraft& audit);
  // kInvalid for an agent that proves itself in another way.
  Result<WithKey> RotateKey(const Principal& principal, const AgentId& id, AuditDraft& audit);

  struct Exchanged {
    AccessToken token;
    Agent agent;
  };
  // A token for whoever presents an agent's key. kUnauthenticated "Invalid credentials" for every fault of
  // it. For the token's life its scopes limit the paths that the agent may touch in vaults it did not make:
  // those of the agent's scopes that speak of paths or, if none does, the patterns of its policies of now;
  // "**" if these are too many for a token.
  Result<Exchanged> Exchange(const AgentTokenRequest& request, AuditDraft& audit);

 private:
  Result<std::vector<std::string>> ScopesFor(schema::Connection& connection, const OrgId& org,
                                             const Agent& agent, Time now);
  Status CheckVaults(const OrgId& org, const std::vector<VaultId>& vaults);
  // The row, locked, if the principal may change it.
  Result<agents_store::Found> LockForChange(schema::Connection& connection, const Principal& principal,
                                            const AgentId& id);
  // The rest of a change: other nodes' caches and the record, then this node's cache.
  Status Commit(schema::Connection& connection, schema::Connection::Transaction& transaction,
                const AgentId& id, AuditDraft& audit);

  // For tokens that are to die: those given from then on live.
  Time NextValidFrom(const agents_store::Found& found) const;

  const Parts parts_;
  AgentMaker maker_;
};

// createAgent, listAgents, getAgentSelf, getAgent, updateAgent, deleteAgent, rotateAgentKey, agentToken. Both
// must outlive the table.
std::vector<Route> AgentRoutes(Agents& agents, const Clock& clock);

}  // namespace claviger::api
