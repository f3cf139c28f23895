#include "api/shares/share_opener.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/access/access_store.h"
#include "api/json/string_list.h"
#include "base/network.h"
#include "crypto/password.h"

namespace claviger::api {
namespace {

constexpr std::chrono::hours kTellPause{1};

// Of an open link without a list this is everybody. A client without an address may be anybody.
Result<bool> Admits(const std::string& allowlist, const http::ClientAddress& client) {
  TRY(const auto networks, ParseStrings(allowlist));
  if (networks.empty()) return true;
  return client.ip && std::any_of(networks.begin(), networks.end(), [&](const auto& text) {
           const auto network = ParseNetwork(text);
           return network && network->Contains(*client.ip);
         });
}

// How the command line wrote down that a value is not text; nothing else of the metadata is shared.
std::string EncodingIn(const std::string& metadata) {
  const auto json = ParseJsonObject(metadata);
  if (!json) return {};
  ObjectReader reader(json.value());
  std::optional<std::string> encoding;
  reader.OptionalString(kEncodingMember, 1, 16, encoding);
  return reader.Finish() ? encoding.value_or("") : "";
}

}  // namespace

Result<Permit> ShareOpener::AdmitOpen(const ShareFinder::Named& share, const SecretBytes& passphrase,
                                      AuditDraft& audit) {
  Permit permit;
  if (const auto link = LinkId::Parse(share.link); link && !passphrase.empty()) {
    TRY(permit, parts_.guesses.Take(Guess::kPassphrase, {share.client.Group(), link->ToString()}, audit));
    return permit;
  }
  permit.at_once = true;
  return permit;
}

Status ShareOpener::CheckOpen(const Share& share, const http::ClientAddress& client) {
  const ShareTerms& terms = share.terms;
  if (IsExpired(terms, parts_.clock.Now())) return Gone("The share has expired");
  if (terms.max_access_count > 0 && share.access_count >= terms.max_access_count) {
    return Gone("The share was opened as often as allowed");
  }
  TRY(const bool admitted, Admits(terms.ip_allowlist, client));
  if (!admitted) return Forbidden("The share does not open for this address");
  return Ok();
}

Result<ShareOpener::Look> ShareOpener::LookAt(const ShareFinder::Named& named, AuditDraft& audit) {
  TRY(const auto share, parts_.finder.Find(named, audit));
  audit.SetActor("anonymous", "", share.terms.org);
  TRYV(CheckOpen(share, named.client));
  if (share.terms.recipient != RecipientType::kAnyone) return Forbidden(std::string(kAddressed));
  const uint32_t most = share.terms.max_access_count;
  return Look{!share.terms.passphrase_hash.empty(), most > 0 ? most - share.access_count : 0,
              share.terms.expires_at};
}

Result<Principal> ShareOpener::Identify(const Share& share, const http::Request& request, AuditDraft& audit) {
  TRY(auto reader, parts_.authenticator.Authenticate(request));
  audit.SetActor(crypto::Name(reader.type), FormatUuid(reader.id), share.terms.org);
  TRY(const bool admitted, parts_.ip_gate.Admits(reader, request.client));
  if (!admitted) {
    audit.AddDetail("reason", "ip_rule");
    return Forbidden("Requests from this address are not allowed");
  }
  if (reader.role == Role::kAuditor) return Forbidden("An auditor may only read the audit log");
  TRY(const bool recipient, parts_.finder.IsRecipient(reader, share.terms));
  if (!recipient) return Forbidden(std::string(kAddressed));
  if (!share.accepted_at) return Forbidden("The share has not been accepted yet");
  return reader;
}

Status ShareOpener::CheckPassphrase(const Share& share, const SecretBytes& passphrase, const Permit& permit) {
  const auto wrong = [](std::string cause) {
    return MakeError(ErrorKind::kUnauthenticated, std::string(kWrongPassphrase), std::move(cause));
  };
  if (share.terms.passphrase_hash.empty()) {
    parts_.guesses.GiveBack(permit);
    return Ok();
  }
  if (passphrase.empty()) return wrong("no passphrase");
  const auto matches = crypto::VerifyPassword(share.terms.passphrase_hash, passphrase);
  Status outcome = Ok();
  if (!matches) {
    outcome = matches.error();
  } else if (!matches.value()) {
    outcome = wrong("wrong passphrase");
  }
  parts_.guesses.Settle(permit, outcome);
  return outcome;
}

Result<SharedSecret> ShareOpener::Open(const http::Request& request, std::string_view link,
                                       const SecretBytes& passphrase, const Permit& permit,
                                       AuditDraft& audit) {
  const auto judged = [&]() -> Result<std::pair<Share, Principal>> {
    TRY(auto share, parts_.finder.Find({link, request.client}, audit));
    audit.SetActor("anonymous", "", share.terms.org);
    TRYV(CheckOpen(share, request.client));
    Principal reader;
    if (share.terms.recipient != RecipientType::kAnyone) {
      TRY(reader, Identify(share, request, audit));
    }
    return std::pair(std::move(share), std::move(reader));
  }();
  // Or who may not open the share at all could use up the guesses of those who may.
  if (!judged) {
    parts_.guesses.GiveBack(permit);
    return judged.error();
  }
  const auto& [share, reader] = judged.value();
  TRYV(CheckPassphrase(share, passphrase, permit));
  TRY(auto secret, Read(share, reader, request, audit));
  secret.id = LinkId::Parse(link).value_or(LinkId{});
  return secret;
}

Result<SharedSecret> ShareOpener::Read(const Share& share, const Principal& reader,
                                       const http::Request& request, AuditDraft& audit) {
  const ShareTerms& terms = share.terms;
  audit.AddDetail("share", terms.id.ToString());
  const Time now = parts_.clock.Now();
  std::optional<Principal> sharer;
  {
    TRY(auto lease, parts_.pool.Acquire());
    auto loaded = access_store::LoadAbsent(*lease, terms.by_type, terms.org, terms.by, now);
    if (!loaded && loaded.error().kind == ErrorKind::kUnauthenticated)
      return Gone("The secret is no longer shared");
    TRY(sharer, std::move(loaded));
  }
  std::optional<Mail::Prepared> mail;
  if (!share.sharer_email.empty() && (!share.told_at || *share.told_at <= now - kTellPause)) {
    TRY(mail,
        parts_.mail.Prepare(share.sharer_email, ShareOpenedMail(parts_.mail.url(), request.client, now)));
  }
  uint32_t access_count = 0;
  const auto count = [&](schema::Connection& connection) -> Status {
    TRY(const auto counted,
        shares_store::CountAccess(connection, terms, {now, mail.has_value(), now - kTellPause}));
    if (!counted) return Gone("The share was opened as often as allowed");
    access_count = counted->access_count;
    if (!counted->tell) return Ok();
    TRY(const bool posted, parts_.mail.Post(connection, mail));
    if (!posted) audit.AddDetail("mail", "outbox full");
    return Ok();
  };
  const Secrets::Read read{{*sharer, request.client}, share.vault, share.path, audit};
  TRY(auto secret, parts_.secrets.GetShared({read, reader, count}));
  SharedSecret shared;
  shared.path = std::move(secret.about.path);
  shared.type = std::move(secret.about.type);
  shared.encoding = EncodingIn(secret.about.metadata);
  shared.value = std::move(secret.value);
  shared.access_count = access_count;
  shared.max_access_count = terms.max_access_count;
  return shared;
}

}  // namespace claviger::api
