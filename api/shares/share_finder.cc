#include "api/shares/share_finder.h"

namespace claviger::api {
namespace {

PrincipalType RecipientKind(RecipientType type) {
  return type == RecipientType::kAgent ? PrincipalType::kAgent : PrincipalType::kUser;
}

}  // namespace

Error ShareNotFound() { return NotFound("Share not found"); }

bool IsExpired(const ShareTerms& terms, Time now) { return terms.expires_at <= now; }

Result<shares_store::Share> ShareFinder::Find(const Named& named, AuditDraft& audit) {
  const auto link = LinkId::Parse(named.link);
  std::optional<shares_store::Share> share;
  if (link) {
    TRY(auto lease, pool_.Acquire());
    TRY(share, shares_store::Find(*lease, LookupOf(*link)));
  }
  if (!share) {
    TRYV(guesses_.Take(Guess::kLink, {named.client.Group(), {}}, audit));
    return ShareNotFound();
  }
  audit.SetResource("share", share->terms.id.ToString());
  TRY(const auto stands_for, LinkOf(keyring_, share->terms, share->lookup_version));
  if (!stands_for) return ShareNotFound();
  if (!(*stands_for == *link)) return IntegrityFailure("a share's row is not what its link stands for");
  return *std::move(share);
}

Result<bool> ShareFinder::IsRecipient(const Principal& principal, const ShareTerms& terms) {
  if (principal.type != RecipientKind(terms.recipient)) return false;
  if (terms.recipient != RecipientType::kEmail) {
    return !terms.to.is_nil() && principal.org == terms.org && principal.id == terms.to;
  }
  TRY(auto lease, pool_.Acquire());
  TRY(const auto address, shares_store::AddressOf(*lease, principal.org, principal.id));
  return address && address->verified && address->email == terms.email;
}

}  // namespace claviger::api
