#include "daemon/key_process/key_service.h"

#include "base/request_scope.h"
#include "crypto/handshake_rules.h"
#include "crypto/signing_rules.h"

namespace claviger::daemon {
namespace {

using crypto::Keyring;
using Answer = std::optional<SecretBytes>;

template <class T, class Write>
Answer Reply(uint64_t number, Result<T> result, const Write& write) {
  if (!result) return MakeAnswer(number, result.error());
  auto answer = MakeAnswer(number, [&](WireWriter& wire) { write(wire, result.value()); });
  if (answer) return answer;
  return MakeAnswer(number, Internal("an answer of the keyring is longer than it may be"));
}

template <class T>
Answer Reply(uint64_t number, Result<T> result) {
  if constexpr (std::is_void_v<T>) {
    if (!result) return MakeAnswer(number, result.error());
    return MakeAnswer(number, [](WireWriter&) {});
  } else {
    return Reply(number, std::move(result), [](WireWriter& wire, const T& value) { Pass(wire, value); });
  }
}

template <class T>
Answer ReplyAll(uint64_t number, const std::vector<std::optional<T>>& results) {
  return Reply(number, Result<const std::vector<std::optional<T>>*>(&results),
               [](WireWriter& wire, const auto* all) { PassOptions(wire, *all); });
}

// The arguments, if they are there and nothing else is.
template <class T>
std::optional<T> Read(WireReader& wire) {
  T arguments;
  Pass(wire, arguments);
  return wire.Complete() ? std::optional(std::move(arguments)) : std::nullopt;
}
template <class T>
std::optional<std::vector<T>> ReadList(WireReader& wire) {
  std::vector<T> arguments;
  PassList(wire, arguments, kMaxDeks);
  return wire.Complete() ? std::optional(std::move(arguments)) : std::nullopt;
}

// As keyring.h takes them: with references to the arguments.
Keyring::DekToMake Refer(const DekToMake& dek) { return {dek.kek, dek.aad}; }
Keyring::DekToOpen Refer(const DekToOpen& dek) { return {dek.kek, dek.sealed, dek.aad}; }
Keyring::DekToReseal Refer(const DekToReseal& dek) {
  return {dek.from, dek.sealed, dek.from_aad, dek.to, dek.to_aad};
}
template <class T>
auto ReferAll(const std::vector<T>& deks) {
  std::vector<decltype(Refer(deks.front()))> all;
  all.reserve(deks.size());
  for (const T& dek : deks) all.push_back(Refer(dek));
  return all;
}

}  // namespace

Status KeyService::CheckToken(ByteView text) const {
  TRY(const auto keys, parts_.keyring.PublicKeys(crypto::SigningKey::kToken));
  return crypto::CheckTokenToSign(text, issuer_, keys, parts_.clock.Now());
}

// The same number again is the linker's second try after a commit that failed: then it follows the same one.
Status KeyService::CheckCheckpoint(const std::string& kid, ByteView text) {
  TRY(auto checkpoint, crypto::CheckCheckpointToSign(text, kid, parts_.clock.Now()));
  const std::lock_guard lock(mutex_);
  const bool fork = checkpoint.number == signed_.number && checkpoint.previous != signed_.previous;
  if (fork || !parts_.order.Advance(checkpoint.number)) {
    return Internal("a checkpoint to sign is not the next one");
  }
  if (checkpoint.number >= signed_.number) signed_ = std::move(checkpoint);
  return Ok();
}

Result<crypto::Signature> KeyService::SignToken(ByteView text) {
  TRYV(Noted(CheckToken(text)));
  return parts_.keyring.Sign(crypto::SigningKey::kToken, text);
}

Result<crypto::Signature> KeyService::SignCheckpoint(const std::string& kid, ByteView text) {
  TRYV(Noted(CheckCheckpoint(kid, text)));
  return parts_.keyring.SignAs(crypto::SigningKey::kAudit, kid, text);
}

Result<crypto::Signature> KeyService::SignHandshake(const std::string& kid, ByteView text) {
  TRYV(Noted(crypto::CheckHandshakeToSign(text)));
  return parts_.keyring.SignAs(crypto::SigningKey::kTls, kid, text);
}

// With the id under which the audit log has the request. An HSM that is away is no refusal.
Status KeyService::Noted(Status checked) const {
  if (!checked && checked.error().kind == ErrorKind::kInternal) {
    parts_.log.Failure("key_request_refused", checked.error(),
                       {{"request_id", FormatUuid(RequestScope::Current())}});
  }
  return checked;
}

std::optional<SecretBytes> KeyService::Answer(ByteView message) {
  WireReader wire(message);
  RequestHead head;
  if (!Pass(wire, head)) return std::nullopt;
  const RequestScope scope(head.scope);
  Keyring& keyring = parts_.keyring;
  switch (head.verb) {
    case Verb::kGenerateKek: {
      const auto identity = Read<crypto::KekIdentity>(wire);
      return identity ? Reply(head.number, keyring.GenerateKek(*identity)) : std::nullopt;
    }
    case Verb::kGenerateDek: {
      const auto dek = Read<DekToMake>(wire);
      return dek ? Reply(head.number, keyring.GenerateDek(dek->kek, dek->aad)) : std::nullopt;
    }
    case Verb::kOpenDek: {
      const auto dek = Read<DekToOpen>(wire);
      return dek ? Reply(head.number, keyring.OpenDek(dek->kek, dek->sealed, dek->aad)) : std::nullopt;
    }
    case Verb::kResealDek: {
      const auto dek = Read<DekToReseal>(wire);
      return dek ? Reply(head.number, keyring.ResealDek(Refer(*dek))) : std::nullopt;
    }
    case Verb::kGenerateDeks: {
      const auto deks = ReadList<DekToMake>(wire);
      return deks ? ReplyAll(head.number, keyring.GenerateDeks(ReferAll(*deks))) : std::nullopt;
    }
    case Verb::kOpenDeks: {
      const auto deks = ReadList<DekToOpen>(wire);
      return deks ? ReplyAll(head.number, keyring.OpenDeks(ReferAll(*deks))) : std::nullopt;
    }
    case Verb::kResealDeks: {
      const auto deks = ReadList<DekToReseal>(wire);
      return deks ? ReplyAll(head.number, keyring.ResealDeks(ReferAll(*deks))) : std::nullopt;
    }
    case Verb::kForgetKeks: {
      VaultId vault;
      PassId(wire, vault.uuid);
      if (!wire.Complete()) return std::nullopt;
      keyring.ForgetKeks(vault);
      return Reply(head.number, Status(Ok()));
    }
    case Verb::kSignToken: {
      ByteView text;
      wire.Field(text, crypto::kMaxTokenBytes);
      return wire.Complete() ? Reply(head.number, SignToken(text)) : std::nullopt;
    }
    case Verb::kSignCheckpoint: {
      std::string kid;
      ByteView checkpoint;
      wire.Field(kid, kMaxKidBytes);
      wire.Field(checkpoint, kMaxCheckpointBytes);
      return wire.Complete() ? Reply(head.number, SignCheckpoint(kid, checkpoint)) : std::nullopt;
    }
    case Verb::kPublicKeys: {
      auto role = crypto::SigningKey::kToken;
      PassChoice(wire, role, crypto::SigningKey::kTls);
      if (!wire.Complete()) return std::nullopt;
      return Reply(head.number, keyring.PublicKeys(role),
                   [](WireWriter& answer, const auto& keys) { PassList(answer, keys, kMaxKeys); });
    }
    case Verb::kRefreshSigningKeys:
      return wire.Complete() ? Reply(head.number, keyring.RefreshSigningKeys()) : std::nullopt;
    case Verb::kMac: {
      ByteView text;
      wire.Field(text, kMaxMacMessageBytes);
      if (!wire.Complete()) return std::nullopt;
      return Reply(head.number, keyring.Mac(text));
    }
    case Verb::kFindCustomerKey: {
      const auto name = Read<crypto::CustomerTokens::KeyName>(wire);
      return name ? Reply(head.number, parts_.tokens.Find(*name)) : std::nullopt;
    }
    case Verb::kCheckCustomerKey: {
      OrgId org;
      crypto::CustomerKey key;
      PassId(wire, org.uuid);
      Pass(wire, key);
      return wire.Complete() ? Reply(head.number, parts_.tokens.Check(org, key)) : std::nullopt;
    }
    case Verb::kSignHandshake: {
      std::string kid;
      ByteView handshake;
      wire.Field(kid, kMaxKidBytes);
      wire.Field(handshake, kMaxHandshakeBytes);
      return wire.Complete() ? Reply(head.number, SignHandshake(kid, handshake)) : std::nullopt;
    }
    case Verb::kSealDek: {
      const auto dek = Read<DekToSeal>(wire);
      return dek ? Reply(head.number, keyring.SealDek(dek->kek, dek->dek, dek->aad)) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace claviger::daemon
