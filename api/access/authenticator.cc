#include "api/access/authenticator.h"

#include "crypto/digest.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxEntries = 65536;

// One round trip: the user still exists in that organisation, with its role of now; the token was not issued
// before the user's other tokens were killed; the token itself was not revoked.
constexpr schema::Statement kLoadPrincipal = {
    "access_load_principal",
    "SELECT u.role, u.tokens_valid_from,"
    "       EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.org_id = u.org_id AND r.jti = $3)"
    "  FROM users u WHERE u.org_id = $1 AND u.id = $2",
    true};

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

Result<std::string_view> BearerToken(const http::Request& request) {
  std::optional<std::string_view> token;
  for (const auto& [name, value] : request.headers) {
    if (name != "authorization") continue;
    // Two credentials: which one a proxy in front of us looked at is unknown.
    if (token) return Unauthenticated("two Authorization headers");
    token = value;
  }
  if (!token) return Unauthenticated("no Authorization header");
  if (!TakeScheme(*token)) return Unauthenticated("not a bearer credential");
  if (token->empty() || token->size() > crypto::kMaxTokenBytes) {
    return Unauthenticated("empty or oversized token");
  }
  return *token;
}

std::string CacheKey(std::string_view token) {
  const auto digest = crypto::Sha256(AsBytes(token));
  return std::string(AsText(digest));
}

}  // namespace

Authenticator::Authenticator(schema::Pool& pool, const Clock& clock, const crypto::TokenVerifier& verifier)
    : pool_(pool), clock_(clock), verifier_(verifier) {}

Result<Principal> Authenticator::Authenticate(const http::Request& request) {
  TRY(const auto token, BearerToken(request));
  const std::string key = CacheKey(token);

  Entry entry;
  const Known known = Find(key, entry);
  if (known == Known::kNothing) {
    TRY(const auto claims, verifier_.Verify(token, clock_.Now()));
    entry.principal = {claims.subject_type, claims.subject, claims.org,
                       Role::kMember,       claims.id,      claims.expires_at};
    entry.issued_at = claims.issued_at;
  } else if (entry.principal.token_expires_at <= UnixSeconds(clock_.Now())) {
    Drop(key);
    return Unauthenticated("token has expired");
  }
  if (known == Known::kEverything) return entry.principal;

  const uint64_t epoch = Epoch();
  const auto role = Load(entry);
  if (!role.has_value()) {
    if (role.error().kind == ErrorKind::kUnauthenticated) Drop(key);
    return role.as_failure();
  }
  entry.principal.role = role.value();
  Remember(key, entry, epoch);
  return entry.principal;
}

std::optional<Principal> Authenticator::Recall(const http::Request& request) {
  const auto token = BearerToken(request);
  if (!token) return std::nullopt;
  Entry entry;
  if (Find(CacheKey(token.value()), entry) != Known::kEverything) return std::nullopt;
  if (entry.principal.token_expires_at <= UnixSeconds(clock_.Now())) return std::nullopt;
  return entry.principal;
}

Result<Role> Authenticator::Load(const Entry& entry) {
  const Principal& principal = entry.principal;
  if (principal.type != PrincipalType::kUser) return Unauthenticated("subject is not a person");
  TRY(auto lease, pool_.Acquire());
  TRY(const auto rows, lease->Run(kLoadPrincipal, {principal.org, principal.id, principal.token}));
  if (rows.empty()) return Unauthenticated("subject no longer exists");
  if (rows.Bool(0, 2)) return Unauthenticated("token was revoked");
  // Both have whole seconds; api/auth/auth.h tells why that is exact enough.
  if (entry.issued_at < UnixSeconds(rows.Timestamp(0, 1))) {
    return Unauthenticated("token is older than the user's last password change");
  }
  const auto role = ParseRole(rows.Text(0, 0));
  if (!role) return Internal("stored role is unknown");
  return *role;
}

Authenticator::Known Authenticator::Find(const std::string& key, Entry& entry) {
  const SteadyTime now = clock_.Steady();
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return Known::kNothing;
  entry = found->second;
  return now < trusted_until_ ? Known::kEverything : Known::kToken;
}

void Authenticator::Remember(const std::string& key, const Entry& entry, uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  if (epoch != epoch_) return;
  // Any victim will do: what is dropped costs its owner one SELECT.
  if (entries_.size() >= kMaxEntries && !entries_.contains(key)) entries_.erase(entries_.begin());
  entries_.insert_or_assign(key, entry);
}

void Authenticator::Drop(const std::string& key) {
  const std::lock_guard lock(mutex_);
  entries_.erase(key);
}

uint64_t Authenticator::Epoch() {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

void Authenticator::ForgetToken(const TokenId& token) {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.principal.token == token; });
}

void Authenticator::ForgetUser(const UserId& user) {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.principal.id == user.uuid; });
}

void Authenticator::Forget(std::string_view kind, const Uuid& id) {
  if (kind == "user") ForgetUser(UserId{id});
  if (kind == "token") ForgetToken(TokenId{id});
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
