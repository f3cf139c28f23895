#pragma once
// Tokens of customers in memory. Seals are genuine: what one key sealed no other opens. Safe to use from many
// threads.

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "crypto/customer_tokens.h"
#include "crypto/envelope.h"
#include "tests/fakes/fake_random.h"

namespace claviger::fakes {

class FakeCustomerTokens final : public crypto::CustomerTokens {
 public:
  // Another one replaces it.
  void MakeKey(const OrgId& org, const std::string& token, const std::string& label) {
    const std::lock_guard lock(mutex_);
    Bytes key(32);
    random_.Fill(key);
    keys_.insert_or_assign({org.ToString(), token, label}, key);
  }
  // From now on every verb ends so; nullopt: no more.
  void Fail(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(error);
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  Result<crypto::CustomerKey> Find(const KeyName& name) override {
    crypto::CustomerKey key{name.id, name.token, name.label, Bytes(16)};
    const Bytes aad = crypto::CustomerKeyAad(name.org, name.id);
    TRY(key.check, Seal(name.org, key, aad, Bytes(16)));
    return key;
  }
  Status Check(const OrgId& org, const crypto::CustomerKey& key) override {
    const auto opened = Open(org, key, crypto::CustomerKeyAad(org, key.id), key.check);
    if (opened) return Ok();
    if (opened.error().kind != ErrorKind::kIntegrity) return opened.error();
    return crypto::CustomerRefusal(crypto::kCustomerKeyChanged);
  }
  Result<Bytes> Seal(const OrgId& org, const crypto::CustomerKey& key, ByteView aad, ByteView text) override {
    const std::lock_guard lock(mutex_);
    TRY(const auto bytes, KeyOf(org, key));
    return crypto::AeadSeal(bytes, random_, aad, text);
  }
  Result<Bytes> Open(const OrgId& org, const crypto::CustomerKey& key, ByteView aad,
                     ByteView sealed) override {
    const std::lock_guard lock(mutex_);
    TRY(const auto bytes, KeyOf(org, key));
    TRY(const auto opened, crypto::AeadOpen(bytes, aad, sealed));
    return Bytes(opened.View().begin(), opened.View().end());
  }

 private:
  Result<Bytes> KeyOf(const OrgId& org, const crypto::CustomerKey& key) {
    ++asked_;
    if (failure_) return *failure_;
    const auto found = keys_.find({org.ToString(), key.token, key.label});
    if (found == keys_.end()) return crypto::CustomerRefusal(crypto::kCustomerKeyAbsent);
    return found->second;
  }

  mutable std::mutex mutex_;  // guards what follows
  FakeRandom random_{7};
  std::map<std::tuple<std::string, std::string, std::string>, Bytes> keys_;
  std::optional<Error> failure_;
  int asked_ = 0;
};

}  // namespace claviger::fakes
