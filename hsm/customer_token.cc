#include "hsm/customer_token.h"

#include <array>
#include <optional>
#include <thread>
#include <utility>

#include "hsm/objects.h"
#include "hsm/session_pool.h"
#include "hsm/token.h"

namespace claviger::hsm {

namespace {

using crypto::CustomerKey;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTrust{500};
constexpr std::chrono::milliseconds kChangeTakes{20};
constexpr size_t kMaxKnownKeys = 1000;
constexpr size_t kCheckBytes = 44;
constexpr std::array<uint8_t, 16> kZeros{};
constexpr CK_ULONG kAes256Bytes = 32;

Outcome<bool> ReadBool(Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  TRY(const auto value, ReadAttribute(session, object, type));
  return value.size() == sizeof(CK_BBOOL) && value.front() != CK_FALSE;
}

// The one key of that label, if it may be used.
Outcome<CK_OBJECT_HANDLE> FindUsable(Session& session, const std::string& label) {
  Template match;
  match.Number(CKA_CLASS, CKO_SECRET_KEY).Bool(CKA_TOKEN, true).Text(CKA_LABEL, label);
  TRY(const auto keys, FindObjects(session, std::move(match)));
  if (keys.empty()) return CustomerRefuses(crypto::kCustomerKeyAbsent);
  if (keys.size() > 1) return CustomerRefuses(crypto::kCustomerKeyChanged);
  TRY(const bool encrypts, ReadBool(session, keys.front(), CKA_ENCRYPT));
  TRY(const bool decrypts, ReadBool(session, keys.front(), CKA_DECRYPT));
  if (!encrypts || !decrypts) return CustomerRefuses(crypto::kCustomerKeyDisabled);
  return keys.front();
}

Outcome<void> CheckStrength(Session& session, CK_OBJECT_HANDLE key) {
  const auto weak = Refused(ErrorKind::kInvalid, "The customer's key must be an AES key of 256 bits");
  TRY(const auto type, ReadNumber(session, key, CKA_KEY_TYPE));
  if (type != CKK_AES) return weak;
  TRY(const auto length, ReadNumber(session, key, CKA_VALUE_LEN));
  if (length != kAes256Bytes) return weak;
  return Ok();
}

}  // namespace

Failure CustomerRefuses(const char* reason) {
  return Failure{Remedy::kNone, CKR_OK, reason, ErrorKind::kForbidden};
}

// Anchor and sessions of one login; handles are valid as long as it is.
class CustomerToken::Login {
 public:
  Login(std::shared_ptr<Module> module, const OrgId& org, CK_SLOT_ID slot, Session anchor, GcmIv gcm_iv)
      : org_(org),
        gcm_iv_(gcm_iv),
        epoch_(module->epoch()),
        anchor_(std::move(anchor)),
        pool_(std::move(module), slot) {}

  uint64_t epoch() const { return epoch_; }

  Outcome<CustomerKey> Find(const crypto::CustomerTokens::KeyName& name, const Ivs& ivs) {
    TRY(auto lease, pool_.Acquire());
    TRY(const auto handle, FindUsable(*lease, name.label));
    TRYV(CheckStrength(*lease, handle));
    CustomerKey key{name.id, name.token, name.label, {}};
    TRY(key.check,
        GcmSeal(*lease, handle, gcm_iv_, ivs.seal, crypto::CustomerKeyAad(name.org, name.id), kZeros));
    TRYV(Prove(key, handle, ivs.trial));
    return key;
  }

  Outcome<CK_OBJECT_HANDLE> HandleOf(const CustomerKey& key, const Iv& trial) {
    const auto now = Steady::now();
    {
      const std::lock_guard lock(mutex_);
      const auto known = known_.find(key.check);
      const bool fresh =
          known != known_.end() && known->second.key == key && now - known->second.seen < kTrust;
      if (fresh) return known->second.handle;
    }
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    {
      TRY(auto lease, pool_.Acquire());
      TRY(handle, FindUsable(*lease, key.label));
    }
    TRYV(Prove(key, handle, trial));
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMaxKnownKeys) known_.clear();
    known_.insert_or_assign(key.check, Known{key, handle, now});
    return handle;
  }

  Outcome<Bytes> Seal(const CustomerKey& key, const Ivs& ivs, ByteView aad, ByteView text) {
    TRY(const auto handle, HandleOf(key, ivs.trial));
    TRY(auto lease, pool_.Acquire());
    return GcmSeal(*lease, handle, gcm_iv_, ivs.seal, aad, text);
  }

  Outcome<Bytes> Open(const CustomerKey& key, const Ivs& ivs, ByteView aad, ByteView sealed) {
    TRY(const auto handle, HandleOf(key, ivs.trial));
    TRY(auto lease, pool_.Acquire());
    TRY(const auto opened, GcmOpen(*lease, handle, sealed, aad));
    return Bytes(opened.View().begin(), opened.View().end());
  }

 private:
  // That it is the key of the check record. Modules do not tell a wrong tag from a sick device: one that
  // opens what it has just sealed is not sick.
  Outcome<void> Prove(const CustomerKey& key, CK_OBJECT_HANDLE handle, const Iv& trial) {
    if (key.check.size() != kCheckBytes) return NotAuthentic("check record of wrong length");
    const Bytes aad = crypto::CustomerKeyAad(org_, key.id);
    const auto opens = [&](ByteView sealed) -> Outcome<void> {
      TRY(auto lease, pool_.Acquire());
      TRY(const auto zeros, GcmOpen(*lease, handle, sealed, aad));
      if (!EqualConstantTime(zeros.View(), kZeros)) return NotAuthentic("check record of another kind");
      return Ok();
    };
    const auto proven = opens(key.check);
    if (proven) return proven;
    if (proven.error().remedy != Remedy::kUnproven && proven.error().remedy != Remedy::kIntegrity) {
      return proven;
    }
    Bytes sealed;
    {
      TRY(auto lease, pool_.Acquire());
      TRY(sealed, GcmSeal(*lease, handle, gcm_iv_, trial, aad, kZeros));
    }
    TRYV(opens(sealed));
    return CustomerRefuses(crypto::kCustomerKeyChanged);
  }

  struct Known {
    CustomerKey key;
    CK_OBJECT_HANDLE handle;
    SteadyTime seen;
  };
  const OrgId org_;
  const GcmIv gcm_iv_;
  const uint64_t epoch_;
  const Session anchor_;  // with the last session goes the login
  SessionPool pool_;
  std::mutex mutex_;
  std::map<Bytes, Known> known_;  // by check record; guarded by mutex_
};

Outcome<CustomerToken::LoginPtr> CustomerToken::LoggedIn() {
  const std::lock_guard logging_in(login_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (login_ && login_->epoch() == module_->epoch()) return login_;
    if (pin_refused_) return CustomerRefuses(crypto::kCustomerTokenRefuses);
  }
  auto login = LogIn();
  const std::lock_guard lock(mutex_);
  if (login) {
    login_ = login.value();
  } else if (login.error().remedy == Remedy::kOperator) {
    pin_refused_ = true;
    return CustomerRefuses(crypto::kCustomerTokenRefuses);
  }
  return login;
}

Outcome<CustomerToken::LoginPtr> CustomerToken::LogIn() {
  TRY(const auto token, FindTokenByLabel(*module_, config_.label));
  if (!token) return CustomerRefuses(crypto::kCustomerTokenAbsent);
  TRY(auto anchor, Session::Open(module_, token->slot, Access::kReadOnly));
  HsmConfig login;
  login.pin_file = config_.pin_file;
  login.login_guard = guard_;
  TRYV(hsm::Login(anchor, *token, login));
  return std::make_shared<Login>(module_, config_.org, token->slot, std::move(anchor), gcm_iv_);
}

void CustomerToken::Forget(const LoginPtr& login) {
  const std::lock_guard lock(mutex_);
  if (login_ == login) login_.reset();
}

template <class T>
Outcome<T> CustomerToken::Twice(const std::function<Outcome<T>(Login&)>& attempt) {
  for (bool again = false;; again = true) {
    TRY(auto login, LoggedIn());
    auto result = attempt(*login);
    if (result) return result;
    Forget(login);
    if (!again) {
      // While somebody changes a key a module may not see it for a moment.
      if (result.error().kind == ErrorKind::kForbidden) std::this_thread::sleep_for(kChangeTakes);
      continue;
    }
    Failure failure = std::move(result).error();
    // The key was proven on the way here.
    if (failure.remedy == Remedy::kUnproven) failure.remedy = Remedy::kIntegrity;
    return failure;
  }
}

Outcome<CustomerKey> CustomerToken::Find(const crypto::CustomerTokens::KeyName& name, const Ivs& ivs) {
  return Twice<CustomerKey>([&](Login& login) { return login.Find(name, ivs); });
}

Outcome<void> CustomerToken::Check(const CustomerKey& key, const Ivs& ivs) {
  return Twice<void>([&](Login& login) -> Outcome<void> {
    TRYV(login.HandleOf(key, ivs.trial));
    return Ok();
  });
}

Outcome<Bytes> CustomerToken::Seal(const CustomerKey& key, const Ivs& ivs, ByteView aad, ByteView text) {
  return Twice<Bytes>([&](Login& login) { return login.Seal(key, ivs, aad, text); });
}

Outcome<Bytes> CustomerToken::Open(const CustomerKey& key, const Ivs& ivs, ByteView aad, ByteView sealed) {
  return Twice<Bytes>([&](Login& login) { return login.Open(key, ivs, aad, sealed); });
}

}  // namespace claviger::hsm
