#include "daemon/key_process/remote_keyring.h"

#include <algorithm>

namespace claviger::daemon {
namespace {

using crypto::KeyringHealth;
using std::chrono::milliseconds;

constexpr size_t kFirstSeat = 0;
constexpr milliseconds kMargin{1000};
constexpr milliseconds kShortestSilence{2000};
// The module, a login, finding keys, some tries of each: then something is wrong with more than the HSM.
constexpr milliseconds kStart{120'000};
// Of a batch that fits into a message however long its AADs are.
constexpr size_t kMaxBatchAadBytes = 64 * 1024;

const VaultId& VaultOf(const crypto::Keyring::DekToMake& dek) { return dek.kek.identity.vault; }
const VaultId& VaultOf(const crypto::Keyring::DekToOpen& dek) { return dek.kek.identity.vault; }
const VaultId& VaultOf(const crypto::Keyring::DekToReseal& dek) { return dek.from.identity.vault; }
size_t AadBytes(const crypto::Keyring::DekToMake& dek) { return dek.aad.size(); }
size_t AadBytes(const crypto::Keyring::DekToOpen& dek) { return dek.aad.size(); }
size_t AadBytes(const crypto::Keyring::DekToReseal& dek) { return dek.from_aad.size() + dek.to_aad.size(); }

// What is said of signing keys must come from one process, as long as there is that one.
bool StaysTogether(Verb verb) {
  return verb == Verb::kPublicKeys || verb == Verb::kSignToken || verb == Verb::kSignCheckpoint ||
         verb == Verb::kRefreshSigningKeys;
}

void WriteNothing(WireWriter&) {}
void ReadNothing(WireReader&) {}

}  // namespace

RemoteKeyring::RemoteKeyring(const Config& config, Starter& starter, const Clock& clock, const Log& log)
    : limit_(2 * config.operation_timeout + kMargin) {
  const KeyProcess::Limits limits{std::max(config.operation_timeout, kShortestSilence), kStart,
                                  config.max_waiting};
  for (uint32_t seat = 0; seat < config.processes; ++seat) {
    seats_.push_back(std::make_unique<KeyProcess>(seat, limits, starter, clock, log));
  }
}

Status RemoteKeyring::Start() {
  for (; open_ < seats_.size(); ++open_) {
    TRYV(seats_[open_]->Open());
  }
  return Ok();
}

void RemoteKeyring::Watch() {
  for (const auto& seat : seats_) seat->Watch();
}

// Ids are random at their end.
size_t RemoteKeyring::SeatOf(const VaultId& vault) const { return vault.uuid.data[15] % seats_.size(); }

Result<KeyProcess::LinePtr> RemoteKeyring::LineFor(Verb verb, size_t seat, SteadyTime deadline) {
  size_t chosen = seat;
  std::optional<size_t> least;
  for (size_t n = 0; n < seats_.size(); ++n) {
    const size_t next = (seat + n) % seats_.size();
    const auto load = seats_[next]->load();
    if (!load || (least && *load >= *least)) continue;
    chosen = next;
    least = load;
    if (StaysTogether(verb)) break;
  }
  return seats_[chosen]->Current(deadline);
}

template <class Write, class Read>
Status RemoteKeyring::Ask(size_t seat, Verb verb, const Write& write, const Read& read) {
  const auto deadline = Deadline();
  TRY(const auto line, LineFor(verb, seat, deadline));
  TRY(const auto request, line->Send(verb, write));
  TRY(const auto answer, line->Await(*request, deadline));
  WireReader wire(answer.View());
  return ReadAnswer(wire, read);
}

template <class T, class Write>
Result<T> RemoteKeyring::AskFor(size_t seat, Verb verb, const Write& write) {
  T answer;
  TRYV(Ask(seat, verb, write, [&](WireReader& wire) { Pass(wire, answer); }));
  return answer;
}

// Each process gets its part in as many messages as it takes, all before the first answer is awaited.
template <class T, class Asked>
std::vector<std::optional<T>> RemoteKeyring::AskForAll(Verb verb, const std::vector<Asked>& deks) {
  struct Part {
    std::vector<Asked> deks;
    std::vector<size_t> places;
    size_t aad_bytes = 0;
    KeyProcess::LinePtr line;
    std::unique_ptr<KeyLine::Request> request;
  };
  std::vector<std::optional<T>> answers(deks.size());
  const auto deadline = Deadline();
  std::vector<Part> parts;
  const auto send = [&](size_t seat, Part part) {
    if (part.deks.empty()) return;
    auto line = LineFor(verb, seat, deadline);
    if (!line) return;
    part.line = std::move(line).value();
    auto request = part.line->Send(verb, [&](WireWriter& wire) { PassList(wire, part.deks, kMaxDeks); });
    if (!request) return;
    part.request = std::move(request).value();
    parts.push_back(std::move(part));
  };
  std::vector<Part> growing(seats_.size());
  for (size_t i = 0; i < deks.size(); ++i) {
    const size_t seat = SeatOf(VaultOf(deks[i]));
    Part& part = growing[seat];
    const size_t aad_bytes = AadBytes(deks[i]);
    if (part.deks.size() == kMaxDeks || part.aad_bytes + aad_bytes > kMaxBatchAadBytes) {
      send(seat, std::exchange(part, Part()));
    }
    part.deks.push_back(deks[i]);
    part.places.push_back(i);
    part.aad_bytes += aad_bytes;
  }
  for (size_t seat = 0; seat < growing.size(); ++seat) send(seat, std::move(growing[seat]));

  for (Part& part : parts) {
    const auto answer = part.line->Await(*part.request, deadline);
    if (!answer) continue;
    std::vector<std::optional<T>> some;
    WireReader wire(answer.value().View());
    const Status read = ReadAnswer(wire, [&](WireReader& each) { PassOptions(each, some); });
    if (!read || some.size() != part.places.size()) continue;
    for (size_t n = 0; n < some.size(); ++n) answers[part.places[n]] = std::move(some[n]);
  }
  return answers;
}

Result<crypto::WrappedKek> RemoteKeyring::GenerateKek(const crypto::KekIdentity& identity) {
  return AskFor<crypto::WrappedKek>(SeatOf(identity.vault), Verb::kGenerateKek,
                                    [&](WireWriter& wire) { Pass(wire, identity); });
}

Result<crypto::Keyring::NewDek> RemoteKeyring::GenerateDek(const crypto::WrappedKek& kek, ByteView aad) {
  const DekToMake dek{kek, Bytes(aad.begin(), aad.end())};
  return AskFor<NewDek>(SeatOf(VaultOf(dek)), Verb::kGenerateDek, [&](WireWriter& wire) { Pass(wire, dek); });
}

Result<crypto::Dek> RemoteKeyring::OpenDek(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed,
                                           ByteView aad) {
  const DekToOpen dek{kek, sealed, Bytes(aad.begin(), aad.end())};
  return AskFor<crypto::Dek>(SeatOf(VaultOf(dek)), Verb::kOpenDek,
                             [&](WireWriter& wire) { Pass(wire, dek); });
}

Result<crypto::SealedDek> RemoteKeyring::SealDek(const crypto::WrappedKek& kek, const crypto::Dek& dek,
                                                 ByteView aad) {
  return AskFor<crypto::SealedDek>(SeatOf(kek.identity.vault), Verb::kSealDek, [&](WireWriter& wire) {
    Pass(wire, kek);
    Pass(wire, dek);
    wire.Field(aad, kMaxAadBytes);
  });
}

Result<crypto::SealedDek> RemoteKeyring::ResealDek(const DekToReseal& dek) {
  return AskFor<crypto::SealedDek>(SeatOf(VaultOf(dek)), Verb::kResealDek,
                                   [&](WireWriter& wire) { Pass(wire, dek); });
}

std::vector<std::optional<crypto::Keyring::NewDek>> RemoteKeyring::GenerateDeks(
    const std::vector<DekToMake>& deks) {
  return AskForAll<NewDek>(Verb::kGenerateDeks, deks);
}

std::vector<std::optional<crypto::Dek>> RemoteKeyring::OpenDeks(const std::vector<DekToOpen>& deks) {
  return AskForAll<crypto::Dek>(Verb::kOpenDeks, deks);
}

std::vector<std::optional<crypto::SealedDek>> RemoteKeyring::ResealDeks(
    const std::vector<DekToReseal>& deks) {
  return AskForAll<crypto::SealedDek>(Verb::kResealDeks, deks);
}

// The change feed calls it: a key process that hangs must not keep the caches from what else has changed.
void RemoteKeyring::ForgetKeks(const VaultId& vault) {
  for (const auto& seat : seats_) seat->Forget(vault);
}

Result<crypto::Signature> RemoteKeyring::Sign(crypto::SigningKey which, ByteView message) {
  if (which != crypto::SigningKey::kToken) return Internal("only tokens are signed by the newest key");
  if (message.size() > crypto::kMaxTokenBytes) return Internal("token too long to sign");
  return AskFor<crypto::Signature>(kFirstSeat, Verb::kSignToken,
                                   [&](WireWriter& wire) { wire.Field(message, crypto::kMaxTokenBytes); });
}

Result<crypto::Signature> RemoteKeyring::SignAs(crypto::SigningKey which, std::string_view kid,
                                                ByteView message) {
  if (which == crypto::SigningKey::kToken) return Internal("tokens are signed by the newest key");
  const bool audit = which == crypto::SigningKey::kAudit;
  const Verb verb = audit ? Verb::kSignCheckpoint : Verb::kSignHandshake;
  const size_t max = audit ? kMaxCheckpointBytes : kMaxHandshakeBytes;
  if (kid.size() > kMaxKidBytes || message.size() > max) return Internal("message too long to sign");
  return AskFor<crypto::Signature>(kFirstSeat, verb, [&](WireWriter& wire) {
    wire.Field(std::string(kid), kMaxKidBytes);
    wire.Field(message, max);
  });
}

Result<std::vector<crypto::PublicKey>> RemoteKeyring::PublicKeys(crypto::SigningKey which) {
  std::vector<crypto::PublicKey> keys;
  TRYV(Ask(
      kFirstSeat, Verb::kPublicKeys,
      [&](WireWriter& wire) { PassChoice(wire, std::as_const(which), crypto::SigningKey::kTls); },
      [&](WireReader& wire) { PassList(wire, keys, kMaxKeys); }));
  return keys;
}

// A process that is away will look when it comes.
Status RemoteKeyring::RefreshSigningKeys() {
  for (size_t seat = 1; seat < seats_.size(); ++seat) {
    if (!seats_[seat]->serving()) continue;
    TRYV(Ask(seat, Verb::kRefreshSigningKeys, WriteNothing, ReadNothing));
  }
  return Ask(kFirstSeat, Verb::kRefreshSigningKeys, WriteNothing, ReadNothing);
}

Result<crypto::LookupMac> RemoteKeyring::Mac(ByteView message) {
  if (message.size() > kMaxMacMessageBytes) return Internal("message too long for a MAC");
  return AskFor<crypto::LookupMac>(kFirstSeat, Verb::kMac,
                                   [&](WireWriter& wire) { wire.Field(message, kMaxMacMessageBytes); });
}

Result<crypto::CustomerKey> RemoteKeyring::Find(const KeyName& name) {
  return AskFor<crypto::CustomerKey>(kFirstSeat, Verb::kFindCustomerKey,
                                     [&](WireWriter& wire) { Pass(wire, name); });
}

Status RemoteKeyring::Check(const OrgId& org, const crypto::CustomerKey& key) {
  const auto write = [&](WireWriter& wire) {
    PassId(wire, org.uuid);
    Pass(wire, key);
  };
  return Ask(kFirstSeat, Verb::kCheckCustomerKey, write, ReadNothing);
}

Result<Bytes> RemoteKeyring::Seal(const OrgId&, const crypto::CustomerKey&, ByteView, ByteView) {
  return Internal("customers' keys are not used from here");
}

Result<Bytes> RemoteKeyring::Open(const OrgId&, const crypto::CustomerKey&, ByteView, ByteView) {
  return Internal("customers' keys are not used from here");
}

// As good as the best of them, if all are as good.
KeyringHealth RemoteKeyring::Health() const {
  KeyringHealth together = seats_.front()->Health();
  for (size_t seat = 1; seat < seats_.size(); ++seat) {
    KeyringHealth health = seats_[seat]->Health();
    const bool differ = health.state != together.state;
    if (health.state < together.state) std::swap(health, together);
    if (differ) together.state = KeyringHealth::State::kDegraded;
    together.sessions_total += health.sessions_total;
    together.sessions_in_use += health.sessions_in_use;
    together.cached_keks += health.cached_keks;
    together.newest_root = std::max(together.newest_root, health.newest_root);
    together.generation += health.generation;
    if (health.last_error_at > together.last_error_at) {
      together.last_error = health.last_error;
      together.last_error_at = health.last_error_at;
    }
  }
  return together;
}

std::vector<api::KeyProcessReport> RemoteKeyring::Report() const {
  std::vector<api::KeyProcessReport> reports;
  std::transform(seats_.begin(), seats_.end(), std::back_inserter(reports),
                 [](const auto& seat) { return seat->Report(); });
  return reports;
}

}  // namespace claviger::daemon
