#include "api/shares/shares.h"

#include <algorithm>

#include "api/json/string_list.h"

namespace claviger::api {
namespace {

constexpr size_t kFixedTextBytes = 700;  // of an encoded share, besides its path and address

bool IsSharer(const Principal& principal, const ShareTerms& terms) {
  return principal.org == terms.org && principal.type == terms.by_type && principal.id == terms.by;
}

std::string SharerOf(const ShareTerms& terms) {
  return std::string(crypto::Name(terms.by_type)) + ":" + FormatUuid(terms.by);
}

std::string UrlOf(const Mail& mail, std::string_view host, const LinkId& link) {
  const std::string base = mail.url().empty() ? "https://" + std::string(host) : mail.url();
  return base + "/v1/share/" + link.ToString();
}

}  // namespace

Result<Permit> Shares::AdmitCreate(const Principal& principal, const CreateShareRequest& request,
                                   AuditDraft& audit) {
  TRY(auto permit, parts_.guesses.Take(Guess::kShare, {{}, principal.org.ToString()}, audit));
  permit.at_once = request.passphrase.empty();
  return permit;
}

Result<NewShare> Shares::Create(const Secrets::Caller& caller, const SecretId& secret,
                                const CreateShareRequest& request, std::string_view host,
                                const Permit& permit, AuditDraft& audit) {
  auto made = Make(caller, secret, request, host, audit);
  if (!made) parts_.guesses.GiveBack(permit);
  return made;
}

Result<ShareTerms> Shares::TermsOf(const Principal& principal, const SecretId& secret,
                                   const CreateShareRequest& request) {
  ShareTerms terms;
  terms.org = principal.org;
  terms.secret = secret;
  terms.by_type = principal.type;
  terms.by = principal.id;
  terms.recipient = request.recipient;
  terms.email = request.email;
  terms.ip_allowlist = DumpStrings(request.ip_allowlist);
  terms.max_access_count = request.max_access_count;
  terms.expires_at = *request.expires_at;
  const bool by_agent = principal.type == PrincipalType::kAgent;
  TRY(auto lease, parts_.pool.Acquire());
  switch (request.recipient) {
    case RecipientType::kCreator: {
      if (!by_agent) return Invalid("Only an agent can share with its creator");
      TRY(const auto creator, shares_store::CreatorOf(*lease, principal.org, principal.id));
      if (!creator) return Invalid("The agent's creator has no account any more");
      terms.to = creator->uuid;
      break;
    }
    case RecipientType::kUser:
    case RecipientType::kAgent: {
      const auto has =
          request.recipient == RecipientType::kUser ? shares_store::HasUser : shares_store::HasAgent;
      TRY(const bool known, has(*lease, principal.org, *request.recipient_id));
      if (!known) return NotFound("Recipient not found");
      terms.to = *request.recipient_id;
      break;
    }
    case RecipientType::kEmail:
      if (by_agent) return Forbidden("An agent may not share with an e-mail address");
      break;
    case RecipientType::kAnyone:
      break;
  }
  return terms;
}

// There is a measure of what an address gets from us, whoever sends it, and of how many strangers an
// organisation has us write to.
Result<std::optional<Mail::Prepared>> Shares::PrepareInvitation(const ShareTerms& terms, AuditDraft& audit) {
  if (terms.recipient != RecipientType::kEmail || !parts_.mail.enabled()) return std::nullopt;
  AuditDraft unused = audit;  // what is refused is the mail, not the request
  for (const auto& [kind, whose] :
       {std::pair{Guess::kShareMail, terms.email}, std::pair{Guess::kInvite, terms.org.ToString()}}) {
    const auto permit = parts_.guesses.Take(kind, {{}, whose}, unused);
    if (!permit && permit.error().kind == ErrorKind::kTooMany) {
      audit.AddDetail("mail", "too many");
      return std::nullopt;
    }
    TRYV(permit);
  }
  std::optional<shares_store::Address> sharer;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(sharer, shares_store::AddressOf(*lease, terms.org, terms.by));
  }
  if (!sharer) return Unauthenticated("the account is gone");
  return parts_.mail.Prepare(terms.email, SharedMail(parts_.mail.url(), sharer->email, terms.email));
}

Result<NewShare> Shares::Make(const Secrets::Caller& caller, const SecretId& secret,
                              const CreateShareRequest& request, std::string_view host, AuditDraft& audit) {
  const Principal& principal = caller.principal;
  audit.AddDetail("recipient_type", Name(request.recipient));
  audit.SetResource("secret", secret.ToString());
  std::optional<shares_store::SecretPlace> place;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(place, shares_store::FindSecret(*lease, principal.org, secret));
  }
  if (!place) return NotFound("Secret not found");
  TRYV(parts_.secrets.CheckRead({caller, place->vault, place->path, audit}));
  TRY(auto terms, TermsOf(principal, secret, request));
  if (!request.passphrase.empty()) {
    TRY(terms.passphrase_hash, crypto::HashPassword(argon2_, parts_.random, request.passphrase));
  }
  terms.created_at = parts_.clock.Now();
  terms.id = ShareId{NewUuidV7(terms.created_at, parts_.random)};
  TRY(const auto link, MakeLink(parts_.keyring, terms));
  audit.SetResource("share", terms.id.ToString());
  audit.AddDetail("secret_id", secret.ToString());
  if (!terms.to.is_nil()) audit.AddDetail("recipient", FormatUuid(terms.to));
  if (!terms.email.empty()) audit.AddDetail("recipient", terms.email);
  TRY(const auto mail, PrepareInvitation(terms, audit));

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  const auto inserted = shares_store::Insert(*lease, terms, link, kMaxShares);
  // The references are to the secret and to who shares: one of them went meanwhile.
  if (!inserted && inserted.error().sqlstate == "23503") return NotFound("Secret not found");
  TRYV(inserted);
  if (!inserted.value()) return Conflict("The organisation has 10000 shares, the most there can be");
  TRY(const bool posted, parts_.mail.Post(*lease, mail));
  if (!posted) audit.AddDetail("mail", "outbox full");
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return NewShare{link.id,          UrlOf(parts_.mail, host, link.id),
                  terms.recipient,  terms.email,
                  terms.expires_at, terms.max_access_count};
}

Result<ListedShare> Shares::Describe(const Share& share) {
  const ShareTerms& terms = share.terms;
  ListedShare listed;
  TRY(const auto link, LinkOf(parts_.keyring, terms, share.lookup_version));
  // Else whoever edits rows would learn here what their links are.
  if (link && LookupOf(*link) != share.lookup) return IntegrityFailure("a share's row was edited");
  // Dead with its key, and named as the log names it.
  listed.id = link.value_or(LinkId{terms.id.uuid});
  listed.secret_path = share.path;
  listed.created_by = SharerOf(terms);
  listed.recipient = terms.recipient;
  if (!terms.to.is_nil()) listed.recipient_id = terms.to;
  listed.email = terms.email;
  listed.access_count = share.access_count;
  listed.max_access_count = terms.max_access_count;
  listed.created_at = terms.created_at;
  listed.expires_at = terms.expires_at;
  listed.expired = !link || IsExpired(terms, parts_.clock.Now());
  listed.accepted = terms.recipient == RecipientType::kAnyone || share.accepted_at.has_value();
  listed.has_passphrase = !terms.passphrase_hash.empty();
  return listed;
}

Result<http::Page<Shares::Listed>> Shares::List(const Principal& principal, Direction direction,
                                                const std::optional<ShareId>& after, int64_t limit) {
  const auto list =
      direction == Direction::kOutbound ? shares_store::ListOutbound : shares_store::ListInbound;
  return http::CollectPage<Listed>(
      std::min(limit, kMaxPageItems),
      [&](const Listed* last, int64_t count) -> Result<std::vector<Listed>> {
        std::vector<Share> shares;
        {
          TRY(auto lease, parts_.pool.Acquire());
          TRY(shares, list(*lease, principal, {last ? last->row : after, count}));
        }
        std::vector<Listed> listed;
        for (const Share& share : shares) {
          TRY(auto described, Describe(share));
          listed.push_back({share.terms.id, std::move(described)});
        }
        return listed;
      },
      [](const Listed& listed) {
        return kFixedTextBytes + listed.share.secret_path.size() + listed.share.email.size();
      });
}

Result<shares_store::Share> Shares::FindForRecipient(const Principal& principal,
                                                     const ShareFinder::Named& named, AuditDraft& audit) {
  TRY(auto share, parts_.finder.Find(named, audit));
  TRY(const bool recipient, parts_.finder.IsRecipient(principal, share.terms));
  if (!recipient) return ShareNotFound();
  audit.SetActor(crypto::Name(principal.type), FormatUuid(principal.id), share.terms.org);
  if (IsExpired(share.terms, parts_.clock.Now())) return Gone("The share has expired");
  return share;
}

Status Shares::Remove(const ShareTerms& terms, AuditDraft& audit) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool deleted, shares_store::Delete(*lease, terms));
  if (!deleted) return ShareNotFound();
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

Result<shares_store::Share> Shares::FindToRevoke(const Principal& principal, const ShareFinder::Named& named,
                                                 AuditDraft& audit) {
  if (const auto row = ShareId::Parse(named.link); row && principal.Manages()) {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(auto share, shares_store::FindRow(*lease, principal.org, *row));
    if (share) return *std::move(share);
  }
  return parts_.finder.Find(named, audit);
}

Status Shares::Revoke(const Principal& principal, const ShareFinder::Named& share, AuditDraft& audit) {
  TRY(const auto found, FindToRevoke(principal, share, audit));
  const ShareTerms& terms = found.terms;
  audit.SetResource("share", terms.id.ToString());
  const bool manages = principal.Manages() && principal.org == terms.org;
  if (!manages && !IsSharer(principal, terms)) return Forbidden("Insufficient permissions");
  audit.AddDetail("shared_by", SharerOf(terms));
  return Remove(terms, audit);
}

Status Shares::Decline(const Principal& principal, const ShareFinder::Named& share, AuditDraft& audit) {
  TRY(const auto found, FindForRecipient(principal, share, audit));
  return Remove(found.terms, audit);
}

Status Shares::Accept(const Principal& principal, const ShareFinder::Named& share, AuditDraft& audit) {
  TRY(const auto found, FindForRecipient(principal, share, audit));
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool accepted, shares_store::Accept(*lease, found.terms, parts_.clock.Now()));
  if (!accepted) return ShareNotFound();
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

}  // namespace claviger::api
