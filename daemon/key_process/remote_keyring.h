#pragma once
// crypto/keyring.h over key processes. A vault has a favourite among them, so that its KEK is in few caches;
// another one answers for it while that is away or busier. Signing goes to the first one that serves: which
// key has settled must be said by one.

#include <memory>
#include <vector>

#include "crypto/customer_tokens.h"
#include "crypto/keyring.h"
#include "daemon/key_process/key_process.h"

namespace claviger::daemon {

class RemoteKeyring final : public crypto::Keyring, public crypto::CustomerTokens {
 public:
  struct Config {
    uint32_t processes = 1;
    std::chrono::milliseconds operation_timeout{5000};
    size_t max_waiting = 64;  // requests under way at each process
  };
  RemoteKeyring(const Config& config, Starter& starter, const Clock& clock, const Log& log);
  // One after the other, since some modules cannot take two starts at once. May be called again after
  // kUnavailable. Then, once, Watch.
  Status Start();
  void Watch();

  Result<crypto::WrappedKek> GenerateKek(const crypto::KekIdentity& identity) override;
  Result<NewDek> GenerateDek(const crypto::WrappedKek& kek, ByteView aad) override;
  Result<crypto::Dek> OpenDek(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed,
                              ByteView aad) override;
  Result<crypto::SealedDek> SealDek(const crypto::WrappedKek& kek, const crypto::Dek& dek,
                                    ByteView aad) override;
  std::vector<std::optional<NewDek>> GenerateDeks(const std::vector<DekToMake>& deks) override;
  std::vector<std::optional<crypto::Dek>> OpenDeks(const std::vector<DekToOpen>& deks) override;
  Result<crypto::SealedDek> ResealDek(const DekToReseal& dek) override;
  std::vector<std::optional<crypto::SealedDek>> ResealDeks(const std::vector<DekToReseal>& deks) override;
  void ForgetKeks(const VaultId& vault) override;
  // Tokens only.
  Result<crypto::Signature> Sign(crypto::SigningKey which, ByteView message) override;
  // Checkpoints of the audit log and handshakes only.
  Result<crypto::Signature> SignAs(crypto::SigningKey which, std::string_view kid, ByteView message) override;
  Result<std::vector<crypto::PublicKey>> PublicKeys(crypto::SigningKey which) override;
  Status RefreshSigningKeys() override;
  Result<crypto::LookupMac> Mac(ByteView message) override;
  crypto::KeyringHealth Health() const override;
  std::vector<api::KeyProcessReport> Report() const;

  Result<crypto::CustomerKey> Find(const KeyName& name) override;
  Status Check(const OrgId& org, const crypto::CustomerKey& key) override;
  // kInternal: a key process puts the layers of customers' keys on and off by itself.
  Result<Bytes> Seal(const OrgId& org, const crypto::CustomerKey& key, ByteView aad, ByteView text) override;
  Result<Bytes> Open(const OrgId& org, const crypto::CustomerKey& key, ByteView aad,
                     ByteView sealed) override;

 private:
  SteadyTime Deadline() const { return std::chrono::steady_clock::now() + limit_; }
  size_t SeatOf(const VaultId& vault) const;
  // Of that seat, unless another one has less to do; for verbs that stay together, of the next one that
  // serves.
  Result<KeyProcess::LinePtr> LineFor(Verb verb, size_t seat, SteadyTime deadline);
  template <class Write, class Read>
  Status Ask(size_t seat, Verb verb, const Write& write, const Read& read);
  template <class T, class Write>
  Result<T> AskFor(size_t seat, Verb verb, const Write& write);
  template <class T, class Asked>
  std::vector<std::optional<T>> AskForAll(Verb verb, const std::vector<Asked>& deks);

  const std::chrono::milliseconds limit_;  // of a verb
  std::vector<std::unique_ptr<KeyProcess>> seats_;
  size_t open_ = 0;  // of these
};

}  // namespace claviger::daemon
