#pragma once
// Opens shares: gives whoever may have it the value, in the name of who shares.

#include <string_view>

#include "api/access/authenticator.h"
#include "api/ip_rules/ip_gate.h"
#include "api/limits/guess_budgets.h"
#include "api/mail/mail.h"
#include "api/secrets/secrets.h"
#include "api/shares/share_finder.h"
#include "api/shares/shares_wire.h"

namespace claviger::api {

class ShareOpener {
 public:
  // The details of two refusals: the same share may be opened with another passphrase; it is not for who
  // asks.
  static constexpr std::string_view kWrongPassphrase = "Missing or wrong passphrase";
  static constexpr std::string_view kAddressed = "This secret is shared with somebody in particular";

  struct Parts {
    schema::Pool& pool;
    Authenticator& authenticator;
    IpGate& ip_gate;
    ShareFinder& finder;
    Secrets& secrets;
    Mail& mail;
    GuessBudgets& guesses;
    const Clock& clock;
  };
  explicit ShareOpener(const Parts& parts) : parts_(parts) {}

  // For the `admit` of routes that open: charges a passphrase as a guess.
  Result<Permit> AdmitOpen(const ShareFinder::Named& share, const SecretBytes& passphrase, AuditDraft& audit);
  // What a page may say of an open link before anybody has asked for the value. kForbidden, kAddressed, if
  // the share is addressed to somebody; else as Open up to the passphrase.
  struct Look {
    bool needs_passphrase = false;
    uint32_t accesses_left = 0;  // 0: unlimited
    Time expires_at{};
  };
  Result<Look> LookAt(const ShareFinder::Named& share, AuditDraft& audit);
  // kUnauthenticated without the recipient's credential, and kWrongPassphrase; kForbidden for other callers,
  // for an address that is not on the list, and before the recipient has accepted; kGone for what has
  // expired, was opened as often as allowed, or is no longer readable for who shares. Verifies a hash if a
  // passphrase is given; empty: none.
  Result<SharedSecret> Open(const http::Request& request, std::string_view link,
                            const SecretBytes& passphrase, const Permit& permit, AuditDraft& audit);

 private:
  using Share = shares_store::Share;
  // Whether it can be opened at all, and from there.
  Status CheckOpen(const Share& share, const http::ClientAddress& client);
  // Who opens a share that is addressed to somebody.
  Result<Principal> Identify(const Share& share, const http::Request& request, AuditDraft& audit);
  Status CheckPassphrase(const Share& share, const SecretBytes& passphrase, const Permit& permit);
  Result<SharedSecret> Read(const Share& share, const Principal& reader, const http::Request& request,
                            AuditDraft& audit);

  const Parts parts_;
};

}  // namespace claviger::api
