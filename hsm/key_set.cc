#include "hsm/key_set.h"

#include <fmt/format.h>

#include <utility>

#include "hsm/key_names.h"
#include "hsm/key_templates.h"
#include "hsm/objects.h"

namespace claviger::hsm {

namespace {

using Versions = RootKeys::Versions;

Outcome<Versions> FindRole(Session& session, CK_OBJECT_CLASS object_class, std::string_view role) {
  Template match;
  match.Number(CKA_CLASS, object_class).Bool(CKA_TOKEN, true);
  TRY(auto objects, FindObjects(session, std::move(match)));
  Versions versions;
  for (const CK_OBJECT_HANDLE object : objects) {
    TRY(auto label, ReadAttribute(session, object, CKA_LABEL));
    const auto version = KeyVersion(role, AsText(label));
    if (!version) continue;
    if (!versions.emplace(*version, object).second) {
      return Refused(ErrorKind::kConflict,
                     fmt::format("The token holds two keys named {}", KeyLabel(role, *version)));
    }
  }
  return versions;
}

Failure Missing(std::string_view role) {
  return Refused(ErrorKind::kNotFound,
                 fmt::format("The token holds no key named {}; run clavigerd init", KeyLabel(role, 1)));
}

Outcome<std::vector<SigningKeyPair>> FindSigningRole(Session& session, std::string_view role) {
  TRY(auto private_keys, FindRole(session, CKO_PRIVATE_KEY, role));
  // Second: a pair that is made meanwhile then shows as its public half, which is harmless.
  TRY(auto public_keys, FindRole(session, CKO_PUBLIC_KEY, role));
  if (private_keys.empty() && role != kTlsRole) return Missing(role);
  std::vector<SigningKeyPair> pairs;
  for (auto it = public_keys.rbegin(); it != public_keys.rend(); ++it) {
    const auto other = private_keys.extract(it->first);
    TRY(auto published, ReadPublicKey(session, it->second, KeyLabel(role, it->first)));
    pairs.push_back({std::move(published), other ? other.mapped() : CK_INVALID_HANDLE});
  }
  if (!private_keys.empty()) {
    const std::string kid = KeyLabel(role, private_keys.begin()->first);
    return Refused(ErrorKind::kConflict, fmt::format("The token holds only half of the key pair {}", kid));
  }
  return pairs;
}

Outcome<void> MakeSecretKey(Session& session, CK_MECHANISM_TYPE type, Template key) {
  CK_MECHANISM mechanism{type, nullptr, 0};
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  return session.Call(&CK_FUNCTION_LIST::C_GenerateKey, "C_GenerateKey", &mechanism, key.data(), key.size(),
                      &handle);
}

Outcome<void> Destroy(Session& session, CK_OBJECT_CLASS object_class, std::string_view label) {
  Template match;
  match.Number(CKA_CLASS, object_class).Bool(CKA_TOKEN, true).Text(CKA_LABEL, label);
  TRY(const auto objects, FindObjects(session, std::move(match)));
  for (const CK_OBJECT_HANDLE object : objects) {
    TRYV(session.Call(&CK_FUNCTION_LIST::C_DestroyObject, "C_DestroyObject", object));
  }
  return Ok();
}

Outcome<void> MakeKey(Session& session, std::string_view role, const std::string& label,
                      const HsmConfig& config) {
  if (role == kRootRole) return MakeRootKey(session, label, config);
  if (role == kLookupRole) return MakeLookupKey(session, label, config);
  return MakeKeyPair(session, label, config);
}

}  // namespace

// CKA_EC_POINT is a DER OCTET STRING around the point; some modules leave the wrapping out.
Outcome<crypto::PublicKey> ReadPublicKey(Session& session, CK_OBJECT_HANDLE object, std::string kid) {
  TRY(auto type, ReadNumber(session, object, CKA_KEY_TYPE));
  TRY(auto point, ReadAttribute(session, object, CKA_EC_POINT));
  const size_t size = type == CKK_EC ? 65 : 32;
  if (point.size() == size + 2 && point[0] == 0x04 && point[1] == size)
    point.erase(point.begin(), point.begin() + 2);
  const bool known = type == CKK_EC_EDWARDS || (type == CKK_EC && !point.empty() && point[0] == 0x04);
  if (!known || point.size() != size) {
    return Refused(ErrorKind::kInternal, fmt::format("The public key {} has an unknown form", kid));
  }
  const auto algorithm =
      type == CKK_EC ? crypto::SignatureAlgorithm::kEs256 : crypto::SignatureAlgorithm::kEdDsa;
  return crypto::PublicKey{std::move(kid), algorithm, std::move(point)};
}

Outcome<KeySet> FindKeys(Session& session) {
  KeySet keys;
  TRY(keys.roots, FindRootKeys(session));
  TRY(auto lookups, FindRole(session, CKO_SECRET_KEY, kLookupRole));
  if (lookups.empty()) return Missing(kLookupRole);
  keys.lookup = {lookups.rbegin()->first, lookups.rbegin()->second};
  TRY(keys.signing, FindSigningKeys(session));
  return keys;
}

Outcome<RootKeys::Versions> FindRootKeys(Session& session) {
  TRY(auto roots, FindRole(session, CKO_SECRET_KEY, kRootRole));
  if (roots.empty()) return Missing(kRootRole);
  return roots;
}

Outcome<SigningKeys> FindSigningKeys(Session& session) {
  SigningKeys keys;
  TRY(keys.token, FindSigningRole(session, kTokenRole));
  TRY(keys.audit, FindSigningRole(session, kAuditRole));
  TRY(keys.tls, FindSigningRole(session, kTlsRole));
  return keys;
}

Outcome<RootKeys::Versions> FindVersions(Session& session, CK_OBJECT_CLASS object_class,
                                         std::string_view role) {
  return FindRole(session, object_class, role);
}

Outcome<bool> HoldsOurKeys(Session& session) {
  TRY(auto versions, FindRole(session, CKO_PUBLIC_KEY, kTokenRole));
  return !versions.empty();
}

Outcome<MadeKeys> MakeMissingKeys(Session& session, const HsmConfig& config) {
  const struct {
    std::string_view role;
    CK_OBJECT_CLASS object_class;
  } roles[] = {{kRootRole, CKO_SECRET_KEY},
               {kLookupRole, CKO_SECRET_KEY},
               {kAuditRole, CKO_PRIVATE_KEY},
               {kTlsRole, CKO_PRIVATE_KEY},
               // Last: its public half is what tells a complete token from an unfinished one.
               {kTokenRole, CKO_PRIVATE_KEY}};
  MadeKeys made;
  for (const auto& [role, object_class] : roles) {
    TRY(auto versions, FindRole(session, object_class, role));
    for (const auto& [version, handle] : versions) made.existing.push_back(KeyLabel(role, version));
    if (!versions.empty()) continue;
    const std::string label = KeyLabel(role, 1);
    TRYV(MakeKey(session, role, label, config));
    made.created.push_back(label);
  }
  return made;
}

Outcome<void> MakeKeyPair(Session& session, std::string_view label, const HsmConfig& config) {
  // Browsers take no Ed25519 certificates.
  const bool p256 = config.es256 || KeyVersion(kTlsRole, label);
  CK_MECHANISM mechanism{p256 ? CKM_EC_KEY_PAIR_GEN : CKM_EC_EDWARDS_KEY_PAIR_GEN, nullptr, 0};
  const auto algorithm = p256 ? crypto::SignatureAlgorithm::kEs256 : crypto::SignatureAlgorithm::kEdDsa;
  Template public_key = SigningPublicTemplate(label, algorithm);
  Template private_key = SigningPrivateTemplate(label, algorithm, config);
  CK_OBJECT_HANDLE public_handle = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_handle = CK_INVALID_HANDLE;
  return session.Call(&CK_FUNCTION_LIST::C_GenerateKeyPair, "C_GenerateKeyPair", &mechanism,
                      public_key.data(), public_key.size(), private_key.data(), private_key.size(),
                      &public_handle, &private_handle);
}

Outcome<void> MakeRootKey(Session& session, std::string_view label, const HsmConfig& config) {
  return MakeSecretKey(session, CKM_AES_KEY_GEN, RootKeyTemplate(label, config));
}

Outcome<void> MakeLookupKey(Session& session, std::string_view label, const HsmConfig& config) {
  return MakeSecretKey(session, CKM_GENERIC_SECRET_KEY_GEN, LookupKeyTemplate(label, config));
}

Outcome<void> HoldPublicKey(Session& session, const crypto::PublicKey& key) {
  Template half = SigningPublicTemplate(key.kid, key.algorithm);
  Bytes point{0x04, static_cast<uint8_t>(key.raw.size())};  // DER, as ReadPublicKey has it
  point.insert(point.end(), key.raw.begin(), key.raw.end());
  half.Data(CKA_EC_POINT, point);
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  return session.Call(&CK_FUNCTION_LIST::C_CreateObject, "C_CreateObject", half.data(), half.size(), &handle);
}

Outcome<void> DestroyKey(Session& session, KeyHalf half, std::string_view label) {
  return Destroy(session, half == KeyHalf::kPrivate ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY, label);
}

Outcome<void> DestroyRootKey(Session& session, std::string_view label) {
  return Destroy(session, CKO_SECRET_KEY, label);
}

}  // namespace claviger::hsm
