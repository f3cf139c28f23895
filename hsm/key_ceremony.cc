#include "hsm/key_ceremony.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "hsm/key_names.h"
#include "hsm/key_set.h"
#include "hsm/on_token.h"
#include "hsm/signing.h"

namespace claviger::hsm {

namespace {

using crypto::SigningKey;
using Keys = std::vector<HeldKey>;

std::string_view RoleOf(SigningKey which) {
  switch (which) {
    case SigningKey::kToken:
      return kTokenRole;
    case SigningKey::kAudit:
      return kAuditRole;
    case SigningKey::kTls:
      break;
  }
  return kTlsRole;
}

// For one visit to the token.
class OneKey final : public crypto::provider::KeySource {
 public:
  OneKey(Session& session, const SigningKeyPair& pair) : key_(std::make_shared<const Key>(session, pair)) {}
  Result<std::vector<crypto::provider::HeldKeyPtr>> Find(std::string_view) override {
    return std::vector<crypto::provider::HeldKeyPtr>{key_};
  }

 private:
  class Key final : public crypto::provider::HeldKey {
   public:
    Key(Session& session, const SigningKeyPair& pair)
        : HeldKey(pair.published), session_(session), pair_(pair) {}
    Result<Bytes> Sign(ByteView message) const override {
      auto signature = SignMessage(session_, pair_, message);
      if (!signature) return ToError(signature.error());
      return std::move(signature).value();
    }

   private:
    Session& session_;
    const SigningKeyPair pair_;
  };

  const crypto::provider::HeldKeyPtr key_;
};

const std::string& Sentence(const Error& error) {
  return error.kind == ErrorKind::kInternal && !error.cause.empty() ? error.cause : error.detail;
}

Outcome<Keys> List(Session& session, SigningKey which) {
  TRY(const auto found, FindSigningKeys(session));
  Keys keys;
  for (const SigningKeyPair& pair : found.Of(which)) {
    keys.push_back(
        {KeyVersion(RoleOf(which), pair.published.kid).value_or(0), pair.CanSign(), pair.published});
  }
  return keys;
}

Status ChangeToken(const HsmConfig& config, std::function<Outcome<void>(Session&)> change) {
  const auto changed =
      OnToken<bool>(config, Want::kOurKeys, [change = std::move(change)](Session& session) -> Outcome<bool> {
        TRYV(change(session));
        // A set that the daemons would refuse must be known now.
        TRYV(FindKeys(session));
        return true;
      });
  if (!changed) return changed.error();
  return Ok();
}

Status Change(const HsmConfig& config, SigningKey which,
              std::function<Outcome<void>(Session&, const Keys&)> change) {
  return ChangeToken(config, [which, change = std::move(change)](Session& session) -> Outcome<void> {
    TRY(const auto keys, List(session, which));
    return change(session, keys);
  });
}

bool Holds(const Keys& keys, const std::function<bool(const HeldKey&)>& fits) {
  return std::any_of(keys.begin(), keys.end(), fits);
}

std::vector<uint32_t> NewestFirst(const RootKeys::Versions& versions) {
  std::vector<uint32_t> all;
  std::transform(versions.rbegin(), versions.rend(), std::back_inserter(all),
                 [](const auto& each) { return each.first; });
  return all;
}

// As FindSigningKeys, of a token on which keys may be missing or half made.
Outcome<Keys> ListHalves(Session& session, SigningKey which) {
  TRY(const auto private_keys, FindVersions(session, CKO_PRIVATE_KEY, RoleOf(which)));
  TRY(const auto public_keys, FindVersions(session, CKO_PUBLIC_KEY, RoleOf(which)));
  Keys keys;
  for (auto each = public_keys.rbegin(); each != public_keys.rend(); ++each) {
    const auto& [version, handle] = *each;
    TRY(auto published, ReadPublicKey(session, handle, KeyLabel(RoleOf(which), version)));
    keys.push_back({version, private_keys.contains(version), std::move(published)});
  }
  return keys;
}

Outcome<TokenKeys> ListAll(Session& session) {
  TokenKeys keys;
  TRY(const auto roots, FindVersions(session, CKO_SECRET_KEY, kRootRole));
  TRY(const auto lookups, FindVersions(session, CKO_SECRET_KEY, kLookupRole));
  keys.roots = NewestFirst(roots);
  keys.lookups = NewestFirst(lookups);
  TRY(keys.token, ListHalves(session, SigningKey::kToken));
  TRY(keys.audit, ListHalves(session, SigningKey::kAudit));
  TRY(keys.tls, ListHalves(session, SigningKey::kTls));
  return keys;
}

Failure Foreign(const std::string& name) {
  return Refused(ErrorKind::kConflict,
                 "The token holds a key of another installation: " + name + ". Give one without such keys");
}

// Keys that this token would not have if it were the installation's next one.
Outcome<void> RefuseForeign(const TokenKeys& held, const Successors& successors) {
  for (const uint32_t version : held.roots) {
    if (version != successors.root) return Foreign(RootKeyName(version));
  }
  for (const uint32_t version : held.lookups) {
    if (version != successors.lookup) return Foreign(KeyLabel(kLookupRole, version));
  }
  const std::pair<SigningKey, uint32_t> roles[] = {{SigningKey::kToken, successors.token},
                                                   {SigningKey::kAudit, successors.audit},
                                                   {SigningKey::kTls, successors.tls}};
  for (const auto& [which, version] : roles) {
    for (const HeldKey& key : held.Of(which)) {
      const auto& published = successors.published;
      const bool ours = key.version == version || (which == SigningKey::kTls && key.version > version) ||
                        std::find(published.begin(), published.end(), key.published) != published.end();
      if (!ours) return Foreign(key.published.kid);
    }
  }
  return Ok();
}

Outcome<void> HoldMissing(Session& session, const TokenKeys& held,
                          const std::vector<crypto::PublicKey>& keys) {
  for (const crypto::PublicKey& key : keys) {
    bool there = false;
    for (const auto which : {SigningKey::kToken, SigningKey::kAudit}) {
      for (const HeldKey& each : held.Of(which)) {
        if (each.published.kid != key.kid) continue;
        if (each.published != key) return Foreign(key.kid);
        there = true;
      }
    }
    if (there) continue;
    TRYV(HoldPublicKey(session, key));
  }
  return Ok();
}

// The token's pair last: its public half is what tells a complete token from an unfinished one.
Outcome<void> MakeMissing(Session& session, const HsmConfig& config, const TokenKeys& held,
                          const Successors& successors) {
  if (held.roots.empty()) {
    TRYV(MakeRootKey(session, RootKeyName(successors.root), config));
  }
  if (held.lookups.empty()) {
    TRYV(MakeLookupKey(session, KeyLabel(kLookupRole, successors.lookup), config));
  }
  TRYV(HoldMissing(session, held, successors.published));
  const std::pair<SigningKey, uint32_t> roles[] = {{SigningKey::kAudit, successors.audit},
                                                   {SigningKey::kTls, successors.tls},
                                                   {SigningKey::kToken, successors.token}};
  for (const auto& [which, version] : roles) {
    if (Holds(held.Of(which), [](const HeldKey& key) { return key.can_sign; })) continue;
    const std::string name = SigningKeyName(which, version);
    // A visit that was killed may have left one half, which nobody has signed with.
    TRYV(DestroyKey(session, KeyHalf::kPublic, name));
    TRYV(DestroyKey(session, KeyHalf::kPrivate, name));
    TRYV(MakeKeyPair(session, name, config));
  }
  return Ok();
}

}  // namespace

std::string SigningKeyName(SigningKey which, uint32_t version) { return KeyLabel(RoleOf(which), version); }

Result<Keys> ListSigningKeys(const HsmConfig& config, SigningKey which) {
  return OnToken<Keys>(config, Want::kOurKeys, [which](Session& session) { return List(session, which); });
}

Status MakeSigningKey(const HsmConfig& config, SigningKey which, uint32_t version) {
  const std::string name = SigningKeyName(which, version);
  return Change(config, which, [config, version, name](Session& session, const Keys& keys) -> Outcome<void> {
    if (Holds(keys, [&](const HeldKey& key) { return key.version >= version; })) {
      return Refused(ErrorKind::kConflict, name + " was made by somebody else");
    }
    return MakeKeyPair(session, name, config);
  });
}

Status WithdrawSigningKey(const HsmConfig& config, SigningKey which, uint32_t version) {
  const std::string name = SigningKeyName(which, version);
  return Change(config, which, [version, name](Session& session, const Keys& keys) -> Outcome<void> {
    if (!Holds(keys, [&](const HeldKey& key) { return key.version == version && key.can_sign; })) return Ok();
    if (!Holds(keys, [&](const HeldKey& key) { return key.version > version && key.can_sign; })) {
      return Refused(ErrorKind::kConflict, "No key newer than " + name + " can sign");
    }
    return DestroyKey(session, KeyHalf::kPrivate, name);
  });
}

Status RemoveSigningKey(const HsmConfig& config, SigningKey which, uint32_t version) {
  const std::string name = SigningKeyName(which, version);
  return Change(config, which, [version, name](Session& session, const Keys& keys) -> Outcome<void> {
    const auto key =
        std::find_if(keys.begin(), keys.end(), [&](const HeldKey& each) { return each.version == version; });
    if (key == keys.end()) return Ok();
    if (key->can_sign) return Refused(ErrorKind::kConflict, name + " can still sign");
    return DestroyKey(session, KeyHalf::kPublic, name);
  });
}

Result<std::string> WithSigningKey(
    const HsmConfig& config, SigningKey which, uint32_t version,
    const std::function<Result<std::string>(crypto::provider::KeySource&)>& work) {
  return OnToken<std::string>(config, Want::kOurKeys, [=](Session& session) -> Outcome<std::string> {
    TRY(const auto found, FindSigningKeys(session));
    for (const SigningKeyPair& pair : found.Of(which)) {
      if (!pair.CanSign() || KeyVersion(RoleOf(which), pair.published.kid) != version) continue;
      OneKey source(session, pair);
      auto result = work(source);
      if (!result) return Refused(result.error().kind, Sentence(result.error()));
      return std::move(result).value();
    }
    return Refused(ErrorKind::kNotFound, SigningKeyName(which, version) + " cannot sign");
  });
}

const Keys& TokenKeys::Of(SigningKey which) const {
  switch (which) {
    case SigningKey::kToken:
      return token;
    case SigningKey::kAudit:
      return audit;
    case SigningKey::kTls:
      break;
  }
  return tls;
}

Result<TokenKeys> ListKeys(const HsmConfig& config) {
  return OnToken<TokenKeys>(config, Want::kAny, ListAll);
}

Status MakeSuccessors(const HsmConfig& config, const Successors& successors) {
  const auto made =
      OnToken<bool>(config, Want::kAny, [config, successors](Session& session) -> Outcome<bool> {
        TRY(const auto held, ListAll(session));
        TRYV(RefuseForeign(held, successors));
        TRYV(MakeMissing(session, config, held, successors));
        // A set that the daemons would refuse must be known now.
        TRYV(FindKeys(session));
        return true;
      });
  if (!made) return made.error();
  return Ok();
}

Status HoldPublicKeys(const HsmConfig& config, const std::vector<crypto::PublicKey>& keys) {
  return ChangeToken(config, [keys](Session& session) -> Outcome<void> {
    TRY(const auto held, ListAll(session));
    return HoldMissing(session, held, keys);
  });
}

std::string RootKeyName(uint32_t version) { return KeyLabel(kRootRole, version); }

Result<std::vector<uint32_t>> ListRootKeys(const HsmConfig& config) {
  using List = std::vector<uint32_t>;
  return OnToken<List>(config, Want::kOurKeys, [](Session& session) -> Outcome<List> {
    TRY(const auto roots, FindRootKeys(session));
    List versions;
    std::transform(roots.rbegin(), roots.rend(), std::back_inserter(versions),
                   [](const auto& root) { return root.first; });
    return versions;
  });
}

Status MakeRootKey(const HsmConfig& config, uint32_t version) {
  return ChangeToken(config, [config, version](Session& session) -> Outcome<void> {
    TRY(const auto roots, FindRootKeys(session));
    const std::string name = RootKeyName(version);
    if (roots.rbegin()->first >= version) {
      return Refused(ErrorKind::kConflict, name + " was made by somebody else");
    }
    return MakeRootKey(session, name, config);
  });
}

Status DestroyRootKey(const HsmConfig& config, uint32_t version) {
  return ChangeToken(config, [version](Session& session) -> Outcome<void> {
    TRY(const auto roots, FindRootKeys(session));
    const std::string name = RootKeyName(version);
    if (roots.rbegin()->first <= version) {
      return Refused(ErrorKind::kConflict, name + " is the newest root key");
    }
    return DestroyRootKey(session, name);
  });
}

}  // namespace claviger::hsm
