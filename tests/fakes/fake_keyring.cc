#include "tests/fakes/fake_keyring.h"

#include <openssl/core_names.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "crypto/envelope.h"
#include "crypto/openssl_ptr.h"
#include "crypto/public_key.h"

namespace claviger::fakes {

using namespace crypto;

namespace {

SecretBytes NewKey(Random& random) {
  SecretBytes key(32);
  random.Fill({key.data(), key.size()});
  return key;
}

// RFC 3394. nullopt if the blob does not authenticate.
std::optional<SecretBytes> KeyWrap(bool wrap, ByteView key, ByteView input) {
  const CipherCtx ctx(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(ctx.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  SecretBytes out(input.size() + 16);
  int size = 0;
  if (EVP_CipherInit_ex(ctx.get(), EVP_aes_256_wrap(), nullptr, key.data(), nullptr, wrap ? 1 : 0) != 1 ||
      EVP_CipherUpdate(ctx.get(), out.data(), &size, input.data(), static_cast<int>(input.size())) != 1) {
    return std::nullopt;
  }
  out.Truncate(static_cast<size_t>(size));
  return out;
}

PKey NewPair(SignatureAlgorithm algorithm, Random& random) {
  if (algorithm == SignatureAlgorithm::kEs256) return PKey(EVP_EC_gen("P-256"));
  const SecretBytes seed = NewKey(random);
  return PKey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
}

Bytes RawPublicKey(SignatureAlgorithm algorithm, EVP_PKEY* key) {
  Bytes raw(algorithm == SignatureAlgorithm::kEdDsa ? 32 : 65);
  size_t size = raw.size();
  if (algorithm == SignatureAlgorithm::kEdDsa) {
    EVP_PKEY_get_raw_public_key(key, raw.data(), &size);
  } else {
    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, raw.data(), raw.size(), &size);
  }
  return raw;
}

const char* RoleOf(SigningKey which) {
  switch (which) {
    case SigningKey::kToken:
      return "claviger-token-v";
    case SigningKey::kAudit:
      return "claviger-audit-v";
    case SigningKey::kTls:
      break;
  }
  return "claviger-tls-v";
}

Bytes SignWith(SignatureAlgorithm algorithm, EVP_PKEY* key, ByteView message) {
  const bool ed = algorithm == SignatureAlgorithm::kEdDsa;
  const MdCtx ctx(EVP_MD_CTX_new());
  Bytes out(128);
  size_t size = out.size();
  if (EVP_DigestSignInit_ex(ctx.get(), nullptr, ed ? nullptr : "SHA256", nullptr, nullptr, key, nullptr) !=
          1 ||
      EVP_DigestSign(ctx.get(), out.data(), &size, message.data(), message.size()) != 1) {
    return {};
  }
  out.resize(size);
  return ed ? out : crypto::RawOfDerSignature(out);
}

}  // namespace

struct FakeKeyring::SigningPair {
  PublicKey published;
  PKey key;
};

FakeKeyring::FakeKeyring(uint64_t seed, SignatureAlgorithm algorithm, uint32_t first_version)
    : algorithm_(algorithm), first_version_(first_version), random_(seed) {
  roots_.emplace(first_version, NewKey(random_));
  lookups_.emplace(first_version, NewKey(random_));
  AddSigningKey(SigningKey::kToken);
  AddSigningKey(SigningKey::kAudit);
  AddSigningKey(SigningKey::kTls);
}

FakeKeyring::~FakeKeyring() = default;

void FakeKeyring::AddSigningKey(SigningKey which) {
  auto& pairs = signing_[which];
  const auto algorithm = which == SigningKey::kTls ? SignatureAlgorithm::kEs256 : algorithm_;
  PKey key = NewPair(algorithm, random_);
  Bytes raw = RawPublicKey(algorithm, key.get());
  const size_t version = first_version_ + pairs.size();
  pairs.push_back({{RoleOf(which) + std::to_string(version), algorithm, std::move(raw)}, std::move(key)});
}

Status FakeKeyring::CheckAvailable() const {
  if (unavailable_) return Unavailable("the fake keyring is switched off");
  return Ok();
}

Result<WrappedKek> FakeKeyring::GenerateKek(const KekIdentity& identity) {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  const SecretBytes key = NewKey(random_);
  const auto& [version, root] = *roots_.rbegin();
  const auto blob = KeyWrap(true, root.View(), key.View());
  if (!blob) return Internal("AES Key Wrap failed");
  constexpr std::array<uint8_t, 16> kZeros{};
  TRY(auto check, AeadSeal(key.View(), random_, KekAad(identity), kZeros));
  return WrappedKek{identity, version, Bytes(blob->View().begin(), blob->View().end()), std::move(check)};
}

Result<SecretBytes> FakeKeyring::UnwrapKek(const WrappedKek& kek) const {
  const auto root = roots_.find(kek.root_version);
  if (root == roots_.end()) return IntegrityFailure("unknown root key");
  if (kek.blob.size() != 40) return IntegrityFailure("KEK blob of wrong size");
  auto key = KeyWrap(false, root->second.View(), kek.blob);
  if (!key || key->size() != 32) return IntegrityFailure("KEK blob does not unwrap");
  TRY(const auto zeros, AeadOpen(key->View(), KekAad(kek.identity), kek.check));
  if (zeros.size() != 16) return IntegrityFailure("check record of wrong size");
  return std::move(*key);
}

Result<Keyring::NewDek> FakeKeyring::GenerateDek(const WrappedKek& kek, ByteView aad) {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  TRY(const auto key, UnwrapKek(kek));
  SecretBytes dek = NewKey(random_);
  TRY(auto sealed, AeadSeal(key.View(), random_, aad, dek.View()));
  return NewDek{{std::move(dek)}, {std::move(sealed)}};
}

Result<Dek> FakeKeyring::OpenDek(const WrappedKek& kek, const SealedDek& sealed, ByteView aad) {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  TRY(const auto key, UnwrapKek(kek));
  TRY(auto dek, AeadOpen(key.View(), aad, sealed.bytes));
  return Dek{std::move(dek)};
}

std::vector<std::optional<FakeKeyring::NewDek>> FakeKeyring::GenerateDeks(
    const std::vector<DekToMake>& deks) {
  std::vector<std::optional<NewDek>> made;
  for (const auto& [kek, aad] : deks) {
    auto dek = GenerateDek(kek, aad);
    made.push_back(dek ? std::optional<NewDek>(std::move(dek).value()) : std::nullopt);
  }
  return made;
}

std::vector<std::optional<Dek>> FakeKeyring::OpenDeks(const std::vector<DekToOpen>& deks) {
  std::vector<std::optional<Dek>> opened;
  for (const auto& [kek, sealed, aad] : deks) {
    auto dek = OpenDek(kek, sealed, aad);
    opened.push_back(dek ? std::optional<Dek>(std::move(dek).value()) : std::nullopt);
  }
  return opened;
}

Result<SealedDek> FakeKeyring::SealDek(const WrappedKek& kek, const Dek& dek, ByteView aad) {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  TRY(const auto key, UnwrapKek(kek));
  TRY(auto sealed, AeadSeal(key.View(), random_, aad, dek.key.View()));
  return SealedDek{std::move(sealed)};
}

Result<SealedDek> FakeKeyring::ResealDek(const DekToReseal& dek) {
  TRY(const auto clear, OpenDek(dek.from, dek.sealed, dek.from_aad));
  return SealDek(dek.to, clear, dek.to_aad);
}

std::vector<std::optional<SealedDek>> FakeKeyring::ResealDeks(const std::vector<DekToReseal>& deks) {
  std::vector<std::optional<SealedDek>> resealed;
  for (const auto& dek : deks) {
    auto sealed = ResealDek(dek);
    resealed.push_back(sealed ? std::optional<SealedDek>(std::move(sealed).value()) : std::nullopt);
  }
  return resealed;
}

void FakeKeyring::ForgetKeks(const VaultId& vault) {
  const std::lock_guard lock(mutex_);
  ++forgotten_[vault];
}

Result<Signature> FakeKeyring::Sign(SigningKey which, ByteView message) {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  if (message.size() > 64 * 1024) return Internal("message too long to sign");
  if (rotate_before_sign_.exchange(false)) AddSigningKey(which);
  const auto& pairs = signing_.at(which);
  const auto able =
      std::find_if(pairs.rbegin(), pairs.rend(), [](const auto& pair) { return pair.key != nullptr; });
  if (able == pairs.rend()) return NotFound("no private key of that role");
  const SigningPair& newest = *able;
  return Signature{newest.published.kid, SignWith(newest.published.algorithm, newest.key.get(), message)};
}

Result<Signature> FakeKeyring::SignAs(SigningKey which, std::string_view kid, ByteView message) {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  for (const SigningPair& pair : signing_.at(which)) {
    if (pair.published.kid != kid || pair.key == nullptr) continue;
    return Signature{pair.published.kid, SignWith(pair.published.algorithm, pair.key.get(), message)};
  }
  return NotFound("no private key of that name");
}

Result<std::vector<PublicKey>> FakeKeyring::PublicKeys(SigningKey which) {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  std::vector<PublicKey> keys;
  const auto& pairs = signing_.at(which);
  std::transform(pairs.rbegin(), pairs.rend(), std::back_inserter(keys),
                 [](const SigningPair& pair) { return pair.published; });
  if (oldest_first_ == which) {
    std::rotate(keys.begin(), keys.end() - 1, keys.end());
    return keys;
  }
  const auto signer =
      std::find_if(pairs.rbegin(), pairs.rend(), [](const auto& pair) { return pair.key != nullptr; }) -
      pairs.rbegin();
  if (signer != static_cast<ptrdiff_t>(keys.size()))
    std::rotate(keys.begin(), keys.begin() + signer, keys.begin() + signer + 1);
  return keys;
}

Status FakeKeyring::RefreshSigningKeys() {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  if (const auto made = std::exchange(unseen_, std::nullopt)) AddSigningKey(*made);
  return Ok();
}

Result<LookupMac> FakeKeyring::MacBy(uint32_t version, ByteView message) {
  ++macs_;
  const SecretBytes& key = lookups_.at(version);
  LookupMac mac{version, Bytes(32)};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
           mac.bytes.data(), &size) == nullptr) {
    return Internal("HMAC failed");
  }
  return mac;
}

Result<LookupMac> FakeKeyring::Mac(ByteView message) {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  auto mac = MacBy(lookups_.rbegin()->first, message);
  if (std::exchange(rotate_lookup_after_mac_, false)) AddLookupKey();
  return mac;
}

Result<std::optional<LookupMac>> FakeKeyring::OlderMac(ByteView message) {
  const std::lock_guard lock(mutex_);
  TRYV(CheckAvailable());
  if (lookups_.size() == 1) return std::nullopt;
  TRY(auto mac, MacBy(std::prev(lookups_.end(), 2)->first, message));
  return std::optional(std::move(mac));
}

KeyringHealth FakeKeyring::Health() const {
  const std::lock_guard lock(mutex_);
  KeyringHealth health;
  health.state = unavailable_ ? KeyringHealth::State::kUnavailable : KeyringHealth::State::kOk;
  health.provider = "fake keyring";
  health.token_label = "fake";
  health.newest_root = roots_.rbegin()->first;
  if (unavailable_) health.last_error = "switched off";
  return health;
}

void FakeKeyring::SetUnavailable(bool unavailable) {
  const std::lock_guard lock(mutex_);
  unavailable_ = unavailable;
}

void FakeKeyring::RotateSigningKey(SigningKey which) {
  const std::lock_guard lock(mutex_);
  AddSigningKey(which);
}

void FakeKeyring::PutOldestFirst(SigningKey which) {
  const std::lock_guard lock(mutex_);
  oldest_first_ = which;
}

void FakeKeyring::WithdrawOldest(SigningKey which) {
  const std::lock_guard lock(mutex_);
  for (SigningPair& pair : signing_.at(which)) {
    if (pair.key == nullptr) continue;
    pair.key.reset();
    return;
  }
}

void FakeKeyring::RotateBeforeNextRefresh(SigningKey which) {
  const std::lock_guard lock(mutex_);
  unseen_ = which;
}

uint32_t FakeKeyring::RotateRoot() {
  const std::lock_guard lock(mutex_);
  const uint32_t version = roots_.rbegin()->first + 1;
  roots_.emplace(version, NewKey(random_));
  return version;
}

void FakeKeyring::DestroyOldRoots() {
  const std::lock_guard lock(mutex_);
  roots_.erase(roots_.begin(), std::prev(roots_.end()));
}

void FakeKeyring::AddLookupKey() { lookups_.emplace(lookups_.rbegin()->first + 1, NewKey(random_)); }

void FakeKeyring::RotateLookupKey() {
  const std::lock_guard lock(mutex_);
  AddLookupKey();
}

void FakeKeyring::RotateLookupKeyAfterNextMac() {
  const std::lock_guard lock(mutex_);
  rotate_lookup_after_mac_ = true;
}

int FakeKeyring::Macs() const {
  const std::lock_guard lock(mutex_);
  return macs_;
}

void FakeKeyring::DropOlderLookupKey() {
  const std::lock_guard lock(mutex_);
  lookups_.erase(lookups_.begin(), std::prev(lookups_.end()));
}

void FakeKeyring::AddPublicHalf(SigningKey which, PublicKey key) {
  const std::lock_guard lock(mutex_);
  auto& pairs = signing_[which];
  const bool older = key.kid < pairs.front().published.kid;
  pairs.insert(older ? pairs.begin() : pairs.end(), {std::move(key), nullptr});
}

int FakeKeyring::Forgotten(const VaultId& vault) const {
  const std::lock_guard lock(mutex_);
  const auto found = forgotten_.find(vault);
  return found == forgotten_.end() ? 0 : found->second;
}

}  // namespace claviger::fakes
