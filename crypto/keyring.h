#pragma once
// The abstract HSM: bytes in, bytes out. hsm/ implements it over PKCS#11; api/ uses it and knows nothing of
// PKCS#11. Every verb may block on the HSM (worker threads only), is safe to call from many threads, is
// idempotent, and answers within the configured time limit: an HSM that hangs gives kUnavailable.
//
// The life of a vault key (KEK): the HSM generates it, wraps it under the root key, and forgets it. The
// wrapped form lives in PostgreSQL. At first use the HSM unwraps it again as a non-extractable session object
// which the keyring keeps by handle. Its bytes never exist outside the HSM.
//
// Failures: kUnavailable while the HSM is gone (with ck_rv), kIntegrity if a blob, check record, ciphertext
// or AAD does not authenticate, kInternal for everything else.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/secret_bytes.h"

namespace claviger::crypto {

// Who a KEK belongs to. The system KEK has the nil org and the nil vault.
struct KekIdentity {
  OrgId org;
  VaultId vault;
  uint32_t version = 1;

  friend bool operator==(const KekIdentity&, const KekIdentity&) = default;
};

// A key on a token of the customer's own. What lies under it needs that token (crypto/customer_tokens.h).
using CustomerKeyId = Id<struct CustomerKeyTag>;
struct CustomerKey {
  CustomerKeyId id;
  std::string token;  // label of the token
  std::string label;  // CKA_LABEL of the key there
  Bytes check;        // 44 bytes: 16 zero bytes sealed with it, by which the key is known again

  friend bool operator==(const CustomerKey&, const CustomerKey&) = default;
};

// What PostgreSQL keeps of a KEK.
struct WrappedKek {
  KekIdentity identity;
  uint32_t root_version = 1;
  Bytes blob;   // 40 bytes: AES Key Wrap (RFC 3394) of the 32-byte key under root `root_version`
  Bytes check;  // 44 bytes: IV(12) + GCM of 16 zero bytes under the KEK with the identity as AAD + tag(16)
  std::optional<CustomerKey>
      customer{};  // under which each data key lies besides; only CustomerKeyring looks

  friend bool operator==(const WrappedKek&, const WrappedKek&) = default;
};

// A data key in clear: 32 bytes, for the length of one request or batch.
struct Dek {
  SecretBytes key;
};

// A data key sealed under a KEK: IV(12) + ciphertext(32) + tag(16) = 60 bytes; sealed once more under a
// customer's key, 88 bytes.
struct SealedDek {
  Bytes bytes;
};

// kTls, P-256, is the key of the HTTPS certificate: a token may have none.
enum class SigningKey : uint8_t { kToken, kAudit, kTls };
enum class SignatureAlgorithm : uint8_t { kEdDsa, kEs256 };

struct PublicKey {
  std::string kid;  // "claviger-token-v1": role and version
  SignatureAlgorithm algorithm = SignatureAlgorithm::kEdDsa;
  Bytes raw;  // EdDSA: 32 bytes; ES256: 65 bytes, 04 || x || y

  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

struct Signature {
  std::string kid;
  Bytes bytes;  // 64 bytes: EdDSA, or ES256 as r || s
};

// What is stored of a credential: 32 bytes under the lookup key of that version.
struct LookupMac {
  uint32_t version = 1;
  Bytes bytes;

  friend bool operator==(const LookupMac&, const LookupMac&) = default;
};

struct KeyringHealth {
  enum class State : uint8_t { kOk, kDegraded, kUnavailable };
  State state = State::kUnavailable;
  std::string provider;  // library description and version of the module
  std::string token_label;
  std::string token_serial;
  uint32_t sessions_total = 0;
  uint32_t sessions_in_use = 0;
  uint32_t cached_keks = 0;
  uint32_t newest_root = 0;  // its version as it was found last; 0: not known
  uint64_t generation = 0;   // counts (re)connections
  std::string last_error;    // text of the newest failure or empty; no secrets
  std::optional<Time> last_error_at;
  std::optional<Time> last_ok_at;  // the newest successful exercise of the root key
};

class Keyring {
 public:
  virtual ~Keyring() = default;

  // Makes a KEK inside the HSM and returns its wrapped form, under the newest root, with check record.
  virtual Result<WrappedKek> GenerateKek(const KekIdentity& identity) = 0;

  // A new random data key: HSM random XOR OpenSSL random. `sealed` opens only with the same `aad`.
  struct NewDek {
    Dek dek;
    SealedDek sealed;
  };
  virtual Result<NewDek> GenerateDek(const WrappedKek& kek, ByteView aad) = 0;
  virtual Result<Dek> OpenDek(const WrappedKek& kek, const SealedDek& sealed, ByteView aad) = 0;
  // Seals a data key that another token opened. Of all others the HSM has made its part.
  virtual Result<SealedDek> SealDek(const WrappedKek& kek, const Dek& dek, ByteView aad) = 0;
  // Many at once, in fewer visits to the HSM; one answer each, in their order. An empty one was tried once
  // without success, or left untried by a visit that became long: the verb for one tries it, with the
  // remedies, or tells why there is none.
  struct DekToMake {
    const WrappedKek& kek;
    Bytes aad;
  };
  virtual std::vector<std::optional<NewDek>> GenerateDeks(const std::vector<DekToMake>& deks) = 0;
  struct DekToOpen {
    const WrappedKek& kek;
    const SealedDek& sealed;
    Bytes aad;
  };
  virtual std::vector<std::optional<Dek>> OpenDeks(const std::vector<DekToOpen>& deks) = 0;

  // The same data key under another KEK: opened and sealed again within one visit, never handed out.
  struct DekToReseal {
    const WrappedKek& from;
    const SealedDek& sealed;
    Bytes from_aad;
    const WrappedKek& to;
    Bytes to_aad;
  };
  virtual Result<SealedDek> ResealDek(const DekToReseal& dek) = 0;
  // Many at once, as above.
  virtual std::vector<std::optional<SealedDek>> ResealDeks(const std::vector<DekToReseal>& deks) = 0;

  // Has the handle of every version of a vault's KEK destroyed soon: removed, or rotated. Never waits.
  virtual void ForgetKeks(const VaultId& vault) = 0;

  // Signs with the key that PublicKeys names first; not with the TLS key, since certificates name theirs. The
  // message is at most 64 KiB.
  virtual Result<Signature> Sign(SigningKey which, ByteView message) = 0;
  // Signs with that version of the role, whether others have settled or not. kNotFound if it cannot sign. The
  // TLS key signs handshakes only (crypto/handshake_rules.h).
  virtual Result<Signature> SignAs(SigningKey which, std::string_view kid, ByteView message) = 0;
  // All published versions of that role: first the one that signs, then the others, newest first. Another one
  // signs only when it has been known here for a while, so that by then it is known everywhere.
  virtual Result<std::vector<PublicKey>> PublicKeys(SigningKey which) = 0;
  // Looks for root and signing keys made or destroyed since; after a failure those known before stay.
  virtual Status RefreshSigningKeys() = 0;

  // HMAC-SHA-256 under the lookup key, the newest one.
  virtual Result<LookupMac> Mac(ByteView message) = 0;
  // The same under the lookup key from before, while the installation moves to another token; else nothing,
  // and the HSM is not asked.
  virtual Result<std::optional<LookupMac>> OlderMac(ByteView) { return std::nullopt; }

  // Never blocks on the HSM: reports what a background probe, which exercises the root key, saw last.
  virtual KeyringHealth Health() const = 0;
};

}  // namespace claviger::crypto
