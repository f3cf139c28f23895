#include "api/access/authenticator.h"

#include "api/access/access_store.h"
#include "api/access/path_tree.h"
#include "crypto/credential.h"
#include "crypto/digest.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxEntries = 65536;

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// RFC 6750 section 2.1: "Bearer" in any case, one space, the token.
bool TakeScheme(std::string_view& credentials) {
  constexpr std::string_view kScheme = "bearer ";
  if (credentials.size() < kScheme.size()) return false;
  for (size_t i = 0; i < kScheme.size(); ++i) {
    if (LowerAscii(credentials[i]) != kScheme[i]) return false;
  }
  credentials.remove_prefix(kScheme.size());
  return true;
}

Result<std::string_view> BearerCredential(const http::Request& request) {
  std::optional<std::string_view> credential;
  for (const auto& [name, value] : request.headers) {
    if (name != "authorization") continue;
    // Two credentials: which one a proxy in front of us looked at is unknown.
    if (credential) return Unauthenticated("two Authorization headers");
    credential = value;
  }
  if (!credential) return Unauthenticated("no Authorization header");
  if (!TakeScheme(*credential)) return Unauthenticated("not a bearer credential");
  if (credential->empty() || credential->size() > crypto::kMaxTokenBytes) {
    return Unauthenticated("empty or oversized credential");
  }
  return *credential;
}

// By its prefix; a token never begins so.
bool IsKey(std::string_view credential) {
  return credential.starts_with(kApiKeyPrefix) || credential.starts_with(kAgentKeyPrefix);
}

std::string DigestOf(std::string_view credential) {
  const auto digest = crypto::Sha256(AsBytes(credential));
  return std::string(AsText(digest));
}

}  // namespace

Authenticator::Authenticator(schema::Pool& pool, const Clock& clock, const crypto::TokenVerifier& verifier,
                             crypto::Keyring& keyring, KeyUses& uses)
    : pool_(pool), clock_(clock), verifier_(verifier), keyring_(keyring), uses_(uses) {}

Result<Principal> Authenticator::Authenticate(const http::Request& request) {
  TRY(const auto credential, BearerCredential(request));
  return IsKey(credential) ? AuthenticateKey(credential) : AuthenticateToken(credential);
}

Result<Principal> Authenticator::AuthenticateToken(std::string_view token) {
  const std::string digest = DigestOf(token);
  Entry entry;
  const Known known = Find(digest, entry);
  if (known == Known::kNothing) {
    TRY(entry.claims, verifier_.Verify(token, clock_.Now()));
    if (entry.claims.subject_type == PrincipalType::kAgent) entry.scopes = CompileScopes(entry.claims.scopes);
    entry.claims.scopes.clear();  // every look into the cache would copy them
  } else if (entry.principal.expires_at <= UnixSeconds(clock_.Now())) {
    Drop(digest);
    return Unauthenticated("token has expired");
  }
  if (known == Known::kEverything) return entry.principal;

  const uint64_t epoch = Epoch();
  auto loaded = LoadToken(entry.claims);
  if (loaded) loaded.value().scopes = entry.scopes;
  return Settle(digest, std::move(entry), std::move(loaded), epoch);
}

Result<Principal> Authenticator::AuthenticateKey(std::string_view key) {
  const std::string digest = DigestOf(key);
  Entry entry;
  if (Find(digest, entry) == Known::kEverything) {
    if (entry.principal.expires_at <= UnixSeconds(clock_.Now())) {
      Drop(digest);
      return Unauthenticated("the key has expired");
    }
    NoteUse(entry.principal);
    return entry.principal;
  }
  const uint64_t epoch = Epoch();
  auto loaded = LoadKey(key);
  if (loaded.has_value()) NoteUse(loaded.value());
  return Settle(digest, {}, std::move(loaded), epoch);
}

Result<Principal> Authenticator::LoadToken(const crypto::TokenClaims& claims) {
  TRY(auto lease, pool_.Acquire());
  return access_store::LoadTokenOwner(*lease, claims, clock_.Now());
}

// The HSM is asked for whatever has the form of a key, so that time tells nothing of which keys exist.
Result<Principal> Authenticator::LoadKey(std::string_view key) {
  const bool agent = key.starts_with(kAgentKeyPrefix);
  if (!crypto::HasCredentialForm(agent ? kAgentKeyPrefix : kApiKeyPrefix, key)) {
    return Unauthenticated("the key is malformed");
  }
  TRY(const auto macs, crypto::CredentialMacs(keyring_, agent ? kAgentKeyPurpose : kApiKeyPurpose, key));
  TRY(auto lease, pool_.Acquire());
  const auto load = agent ? access_store::LoadAgent : access_store::LoadApiKeyOwner;
  return load(*lease, macs, clock_.Now());
}

Result<Principal> Authenticator::Settle(const std::string& digest, Entry entry, Result<Principal> loaded,
                                        uint64_t epoch) {
  if (loaded.has_value()) {
    entry.principal = loaded.value();
    Remember(digest, entry, epoch);
  } else if (loaded.error().kind == ErrorKind::kUnauthenticated) {
    Drop(digest);
  }
  return loaded;
}

std::optional<Principal> Authenticator::Recall(const http::Request& request) {
  const auto credential = BearerCredential(request);
  if (!credential) return std::nullopt;
  Entry entry;
  if (Find(DigestOf(credential.value()), entry) != Known::kEverything) return std::nullopt;
  if (entry.principal.expires_at <= UnixSeconds(clock_.Now())) return std::nullopt;
  NoteUse(entry.principal);
  return entry.principal;
}

void Authenticator::NoteUse(const Principal& principal) {
  if (principal.token.IsNil()) uses_.Note(principal);
}

Authenticator::Known Authenticator::Find(const std::string& digest, Entry& entry) {
  const SteadyTime now = clock_.Steady();
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(digest);
  if (found == entries_.end()) return Known::kNothing;
  entry = found->second;
  return now < trusted_until_ ? Known::kEverything : Known::kClaims;
}

void Authenticator::Remember(const std::string& digest, const Entry& entry, uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  if (epoch != epoch_) return;
  // Any victim will do: what is dropped costs its owner one SELECT.
  if (entries_.size() >= kMaxEntries && !entries_.contains(digest)) entries_.erase(entries_.begin());
  entries_.insert_or_assign(digest, entry);
}

void Authenticator::Drop(const std::string& digest) {
  const std::lock_guard lock(mutex_);
  entries_.erase(digest);
}

uint64_t Authenticator::Epoch() {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

void Authenticator::ForgetIf(const std::function<bool(const Principal&)>& concerned) {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  std::erase_if(entries_, [&](const auto& entry) { return concerned(entry.second.principal); });
}

void Authenticator::ForgetToken(const TokenId& token) {
  ForgetIf([&](const Principal& principal) { return principal.token == token; });
}

void Authenticator::ForgetUser(const UserId& user) {
  ForgetIf([&](const Principal& principal) { return principal.id == user.uuid; });
}

void Authenticator::ForgetKey(const KeyId& key) {
  ForgetIf([&](const Principal& principal) { return principal.key == key; });
}

void Authenticator::ForgetAgent(const AgentId& agent) {
  ForgetIf([&](const Principal& principal) { return principal.id == agent.uuid; });
}

void Authenticator::ForgetOrg(const OrgId& org) {
  ForgetIf([&](const Principal& principal) { return principal.org == org; });
}

void Authenticator::Forget(std::string_view kind, const Uuid& id) {
  if (kind == "user") ForgetUser(UserId{id});
  if (kind == "token") ForgetToken(TokenId{id});
  if (kind == "key") ForgetKey(KeyId{id});
  if (kind == "agent") ForgetAgent(AgentId{id});
  if (kind == "org") ForgetOrg(OrgId{id});
  // The installation's keys changed, perhaps that of lookups: keys are looked for anew, and stored under it.
  if (kind == "org" && id.is_nil())
    ForgetIf([](const Principal& principal) { return principal.token.IsNil(); });
}

void Authenticator::ForgetAll() {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  entries_.clear();
}

void Authenticator::TrustUntil(SteadyTime until) {
  const std::lock_guard lock(mutex_);
  trusted_until_ = until;
}

}  // namespace claviger::api
