#include "crypto/moving_keyring.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace claviger::crypto {
namespace {

constexpr SigningKey kRoles[] = {SigningKey::kToken, SigningKey::kAudit, SigningKey::kTls};

// "claviger-token-v2": 2; 0 for other names.
uint32_t VersionOf(std::string_view kid) {
  const size_t v = kid.rfind('v');
  uint32_t version = 0;
  if (v == std::string_view::npos) return 0;
  const auto parsed = std::from_chars(kid.data() + v + 1, kid.data() + kid.size(), version);
  return parsed.ec == std::errc{} && parsed.ptr == kid.data() + kid.size() ? version : 0;
}

bool Holds(const std::vector<PublicKey>& keys, const PublicKey& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// First the one that signs, then the others, newest first.
std::vector<PublicKey> Union(std::vector<PublicKey> signers, const std::vector<PublicKey>& others) {
  for (const PublicKey& key : others) {
    if (!Holds(signers, key)) signers.push_back(key);
  }
  if (signers.empty()) return signers;
  std::stable_sort(signers.begin() + 1, signers.end(), [](const PublicKey& one, const PublicKey& other) {
    return VersionOf(one.kid) > VersionOf(other.kid);
  });
  return signers;
}

}  // namespace

Status MovingKeyring::Start() {
  old_root_ = old_.Health().newest_root;
  const uint32_t next_root = next_.Health().newest_root;
  if (old_root_ == 0 || next_root == 0) return Unavailable("a token has not told its newest root key yet");
  if (next_root <= old_root_) {
    return Conflict("The next token's root key is no successor of the old one's; see clavigerd rekey");
  }
  for (const SigningKey role : kRoles) {
    TRY(const auto keys, next_.PublicKeys(role));
    if (!keys.empty()) first_of_next_[role] = VersionOf(keys.front().kid);
  }
  return LookForMark();
}

bool MovingKeyring::settled() const { return marked_ && clock_.Steady() - marked_at_.load() >= settling_; }

Status MovingKeyring::LookForMark() {
  if (marked_) return Ok();
  TRY(const auto held, old_.PublicKeys(SigningKey::kAudit));
  TRY(const auto next, next_.PublicKeys(SigningKey::kAudit));
  if (next.empty() || !Holds(held, next.front())) return Ok();
  marked_at_ = clock_.Steady();
  marked_ = true;
  return Ok();
}

Result<WrappedKek> MovingKeyring::GenerateKek(const KekIdentity& identity) {
  return (marked_ ? next_ : old_).GenerateKek(identity);
}

Result<Keyring::NewDek> MovingKeyring::GenerateDek(const WrappedKek& kek, ByteView aad) {
  return Of(kek).GenerateDek(kek, aad);
}

Result<Dek> MovingKeyring::OpenDek(const WrappedKek& kek, const SealedDek& sealed, ByteView aad) {
  return Of(kek).OpenDek(kek, sealed, aad);
}

Result<SealedDek> MovingKeyring::SealDek(const WrappedKek& kek, const Dek& dek, ByteView aad) {
  return Of(kek).SealDek(kek, dek, aad);
}

// Each token gets its part; the answers are in the places of those asked. `side` is null for what is left
// empty.
template <class Answer, class Asked, class Sides, class Many>
std::vector<std::optional<Answer>> MovingKeyring::ByToken(const std::vector<Asked>& deks, const Sides& side,
                                                          const Many& many) {
  std::vector<std::optional<Answer>> answers(deks.size());
  for (Keyring* const token : {&old_, &next_}) {
    std::vector<size_t> places;
    std::vector<Asked> part;
    for (size_t i = 0; i < deks.size(); ++i) {
      if (side(deks[i]) != token) continue;
      places.push_back(i);
      part.push_back(deks[i]);
    }
    if (part.empty()) continue;
    auto answered = many(*token, part);
    for (size_t n = 0; n < places.size(); ++n) answers[places[n]] = std::move(answered[n]);
  }
  return answers;
}

std::vector<std::optional<Keyring::NewDek>> MovingKeyring::GenerateDeks(const std::vector<DekToMake>& deks) {
  return ByToken<NewDek>(
      deks, [this](const DekToMake& dek) { return &Of(dek.kek); },
      [](Keyring& token, const auto& part) { return token.GenerateDeks(part); });
}

std::vector<std::optional<Dek>> MovingKeyring::OpenDeks(const std::vector<DekToOpen>& deks) {
  return ByToken<Dek>(
      deks, [this](const DekToOpen& dek) { return &Of(dek.kek); },
      [](Keyring& token, const auto& part) { return token.OpenDeks(part); });
}

Result<SealedDek> MovingKeyring::ResealDek(const DekToReseal& dek) {
  if (!Crosses(dek)) return Of(dek.from).ResealDek(dek);
  TRY(const auto clear, Of(dek.from).OpenDek(dek.from, dek.sealed, dek.from_aad));
  return Of(dek.to).SealDek(dek.to, clear, dek.to_aad);
}

// Those that cross are opened together, and sealed one by one: of these only rotations ask.
std::vector<std::optional<SealedDek>> MovingKeyring::ResealDeks(const std::vector<DekToReseal>& deks) {
  auto resealed = ByToken<SealedDek>(
      deks, [this](const DekToReseal& dek) -> Keyring* { return Crosses(dek) ? nullptr : &Of(dek.from); },
      [](Keyring& token, const auto& part) { return token.ResealDeks(part); });
  std::vector<size_t> places;
  std::vector<DekToOpen> to_open;
  for (size_t i = 0; i < deks.size(); ++i) {
    if (!Crosses(deks[i])) continue;
    places.push_back(i);
    to_open.push_back({deks[i].from, deks[i].sealed, deks[i].from_aad});
  }
  const auto opened = OpenDeks(to_open);
  for (size_t n = 0; n < places.size(); ++n) {
    if (!opened[n]) continue;
    const DekToReseal& dek = deks[places[n]];
    auto sealed = Of(dek.to).SealDek(dek.to, *opened[n], dek.to_aad);
    if (!sealed) break;  // the others would wait for the same
    resealed[places[n]] = std::move(sealed).value();
  }
  return resealed;
}

void MovingKeyring::ForgetKeks(const VaultId& vault) {
  old_.ForgetKeks(vault);
  next_.ForgetKeks(vault);
}

Result<Signature> MovingKeyring::Sign(SigningKey which, ByteView message) {
  return signer().Sign(which, message);
}

Result<Signature> MovingKeyring::SignAs(SigningKey which, std::string_view kid, ByteView message) {
  const auto first = first_of_next_.find(which);
  const bool next = first != first_of_next_.end() && VersionOf(kid) >= first->second;
  return (next ? next_ : old_).SignAs(which, kid, message);
}

Result<std::vector<PublicKey>> MovingKeyring::PublicKeys(SigningKey which) {
  const bool settled = this->settled();
  auto signing = (settled ? next_ : old_).PublicKeys(which);
  const bool tls = which == SigningKey::kTls;
  // From the mark on either token shows the public halves of both, so one of them is enough.
  if (!tls && (signing || !marked_)) return signing;
  auto others = (settled ? old_ : next_).PublicKeys(which);
  if (!signing) return others;
  if (!others) return signing;
  return Union(std::move(signing).value(), others.value());
}

Status MovingKeyring::RefreshSigningKeys() {
  const Status of_old = old_.RefreshSigningKeys();
  const Status of_next = next_.RefreshSigningKeys();
  if (of_old && of_next) return LookForMark();
  return settled() ? of_next : of_old;
}

Result<LookupMac> MovingKeyring::Mac(ByteView message) { return signer().Mac(message); }

Result<std::optional<LookupMac>> MovingKeyring::OlderMac(ByteView message) {
  if (!marked_) return std::nullopt;
  TRY(auto mac, (settled() ? old_ : next_).Mac(message));
  return std::optional(std::move(mac));
}

KeyringHealth MovingKeyring::Health() const {
  KeyringHealth together = old_.Health();
  KeyringHealth other = next_.Health();
  if (marked_) std::swap(together, other);
  together.state = std::max(together.state, other.state);
  together.sessions_total += other.sessions_total;
  together.sessions_in_use += other.sessions_in_use;
  together.cached_keks += other.cached_keks;
  together.newest_root = std::max(together.newest_root, other.newest_root);
  together.generation += other.generation;
  together.last_ok_at = std::min(together.last_ok_at, other.last_ok_at);
  if (other.last_error_at > together.last_error_at) {
    together.last_error = other.last_error;
    together.last_error_at = other.last_error_at;
  }
  return together;
}

}  // namespace claviger::crypto
