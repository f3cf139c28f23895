#pragma once
// Makes agents: draws their keys, then stores them together with whatever tells of it.

#include <functional>
#include <optional>

#include "api/agents/agents_wire.h"
#include "api/agents/identity_vault.h"
#include "api/audit/audit_log.h"
#include "base/random.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

inline constexpr int64_t kMaxAgents = 10'000;  // of an organisation, deactivated ones too

struct NewAgent {
  Agent agent;
  SecretBytes key;                       // empty if it has none
  std::optional<crypto::LookupMac> mac;  // of the key
  IdentityVault::Keys identity_keys;
  bool enrolled = false;  // see enroller.h
};

class AgentMaker {
 public:
  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    const AuditLog& audit;
    const Clock& clock;
    Random& random;
  };
  explicit AgentMaker(const Parts& parts)
      : parts_(parts), identity_vault_(parts.pool, parts.keyring, parts.audit, parts.clock, parts.random) {}

  // May block on the HSM.
  Result<NewAgent> Draw(const Principal& creator, CreateAgentRequest request);

  // Runs last in the transaction that stores the agent; false takes everything back.
  using Besides = std::function<Result<bool>(schema::Connection&)>;
  // False, and nothing is stored, if the organisation has kMaxAgents already or `besides` says so. However
  // many make agents at once, there are never more. kUnauthenticated if the creator is gone. `audit`: who
  // acts, for the record of a vault that is made along.
  Result<bool> Store(const Principal& creator, const NewAgent& made, const AuditDraft& audit,
                     const Besides& besides);

 private:
  Result<bool> StoreOnce(const Principal& creator, const NewAgent& made,
                         const std::vector<schema::Connection::Call>& identity, const Besides& besides);

  const Parts parts_;
  IdentityVault identity_vault_;
};

}  // namespace claviger::api
