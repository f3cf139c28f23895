#pragma once
// Shares: somebody who may read a secret lets somebody else read it, for a while.
//
// The life of a share: Create makes a row and the link that stands for it (share_link.h). An open link needs
// nothing more. A share that is addressed to somebody opens only for them, with their own credential and
// after they have accepted it; declining ends it. Who shares can revoke it at any time, and so can those who
// manage their organisation. Both remove the row; one that has expired stays in the lists for a week.
//
// A share carries no right of its own. Whoever opens it reads the newest version in the name of who shares,
// by the rights that those have at that moment: what they may no longer read, their share does not open, and
// it opens again if they may read it again. With their account, or with the vault, the share goes.
//
// What is addressed to an e-mail address belongs to the account that has, and has proven, this address, as
// soon as there is one; until then it waits. Nothing is written at signup or login.
//
// Every access counts, against the share and against the secret's own limit: both together or neither, with
// the audit record, after the value could be opened. The record, of whatever anybody does with a share, is in
// the log of the organisation that shares. Its people are told by mail of accesses, once an hour at most.

#include <optional>
#include <string>
#include <vector>

#include "api/audit/audit_log.h"
#include "api/http/page.h"
#include "api/limits/guess_budgets.h"
#include "api/mail/mail.h"
#include "api/routes.h"
#include "api/secrets/secrets.h"
#include "api/shares/share_finder.h"
#include "api/shares/shares_wire.h"
#include "crypto/keyring.h"
#include "crypto/password.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Shares {
 public:
  static constexpr int64_t kMaxShares = 10'000;   // of an organisation, expired ones too
  static constexpr int64_t kMaxPageItems = 1000;  // each costs a visit to the HSM

  struct Parts {
    schema::Pool& pool;
    crypto::Keyring& keyring;
    ShareFinder& finder;
    Secrets& secrets;
    Mail& mail;
    const AuditLog& audit;
    GuessBudgets& guesses;
    const Clock& clock;
    Random& random;
  };
  Shares(const crypto::Argon2Cost& argon2, const Parts& parts) : argon2_(argon2), parts_(parts) {}

  // For the route's `admit`: charges the organisation, and says whether a passphrase is to be hashed.
  Result<Permit> AdmitCreate(const Principal& principal, const CreateShareRequest& request,
                             AuditDraft& audit);
  // kNotFound for an unknown secret or recipient, kForbidden for who may not read the secret or not address
  // such a recipient, kConflict if there are kMaxShares already; as many as are being made at the same moment
  // may pass together. May hash a passphrase. `host`: what the client calls this server.
  Result<NewShare> Create(const Secrets::Caller& caller, const SecretId& secret,
                          const CreateShareRequest& request, std::string_view host, const Permit& permit,
                          AuditDraft& audit);

  struct Listed {
    ShareId row;
    ListedShare share;
  };
  enum class Direction : uint8_t { kOutbound, kInbound };
  // In order of creation, beginning after the row `after`.
  Result<http::Page<Listed>> List(const Principal& principal, Direction direction,
                                  const std::optional<ShareId>& after, int64_t limit);

  // kForbidden but for who made it, and who manages their organisation. The latter, who were not given the
  // link, name it by the row's id, as the log does.
  Status Revoke(const Principal& principal, const ShareFinder::Named& share, AuditDraft& audit);
  // kNotFound but for the recipient; kGone for what has expired. Accepting twice is no fault.
  Status Accept(const Principal& principal, const ShareFinder::Named& share, AuditDraft& audit);
  Status Decline(const Principal& principal, const ShareFinder::Named& share, AuditDraft& audit);

 private:
  using Share = shares_store::Share;
  Result<ShareTerms> TermsOf(const Principal& principal, const SecretId& secret,
                             const CreateShareRequest& request);
  Result<std::optional<Mail::Prepared>> PrepareInvitation(const ShareTerms& terms, AuditDraft& audit);
  Result<NewShare> Make(const Secrets::Caller& caller, const SecretId& secret,
                        const CreateShareRequest& request, std::string_view host, AuditDraft& audit);
  Result<ListedShare> Describe(const Share& share);
  Result<Share> FindToRevoke(const Principal& principal, const ShareFinder::Named& named, AuditDraft& audit);
  // Not expired. Its record goes to the organisation that shares.
  Result<Share> FindForRecipient(const Principal& principal, const ShareFinder::Named& named,
                                 AuditDraft& audit);
  Status Remove(const ShareTerms& terms, AuditDraft& audit);

  const crypto::Argon2Cost argon2_;
  const Parts parts_;
};

class ShareOpener;
class SharePages;
// createShare, accessShare, revealShare, revokeShare at two places, listOutboundShares, listInboundShares,
// acceptShare, declineShare. All must outlive the table.
struct ShareNoun {
  Shares& shares;
  ShareOpener& opener;
  SharePages& pages;
};
std::vector<Route> ShareRoutes(const ShareNoun& noun, const Clock& clock);

}  // namespace claviger::api
