#pragma once
// Shares as JSON: what clients send and get. Shared with the command line.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/secret_bytes.h"

namespace claviger::api {

// What a link ends in, and what clients call a share by. Whoever knows that of an open link may read.
using LinkId = Id<struct LinkTag>;

inline constexpr size_t kMaxPassphraseBytes = 1024;
inline constexpr size_t kMaxAllowedNetworks = 64;  // of a share
inline constexpr std::chrono::days kMaxShareLife{5 * 366};

enum class RecipientType : uint8_t {
  kCreator,  // the person who made the agent that shares
  kUser,
  kAgent,
  kEmail,  // whoever has, and has proven, an address
  kAnyone  // whoever knows the link
};
// "creator", "user", "agent", "external_email", "anyone_with_link".
const char* Name(RecipientType type);
std::optional<RecipientType> ParseRecipientType(std::string_view name);

struct CreateShareRequest {
  RecipientType recipient = RecipientType::kAnyone;
  std::optional<Uuid> recipient_id;       // with kUser and kAgent
  std::string email;                      // with kEmail, as NormalizeEmail makes it
  uint32_t max_access_count = 0;          // 0: unlimited; at most 2^31 - 1
  std::optional<Time> expires_at;         // always there once decoded
  SecretBytes passphrase;                 // empty: none
  std::vector<std::string> ip_allowlist;  // networks as in base/network.h; none: from everywhere
};
// kInvalid unless the recipient is named as its type wants it, `expires_at` lies after `now` and within
// kMaxShareLife, and the other members are well-formed. An address may also come as `recipient_email`.
// `permissions` are accepted and ignored: a share can only be read. A passphrase must fit into an HTTP
// header: no control characters, no space at either end.
Result<CreateShareRequest> DecodeCreateShare(std::string_view body, Time now);
SecretBytes EncodeCreateShare(const CreateShareRequest& request);

// As its maker is answered.
struct NewShare {
  LinkId id;
  std::string url;
  RecipientType recipient = RecipientType::kAnyone;
  std::string email;
  Time expires_at{};
  uint32_t max_access_count = 0;
};
Json EncodeNewShare(const NewShare& share);

// As its maker and its recipient see it in their lists.
struct ListedShare {
  LinkId id;
  std::string secret_path;
  std::string created_by;  // "user:<uuid>" or "agent:<uuid>"
  RecipientType recipient = RecipientType::kAnyone;
  std::optional<Uuid> recipient_id;
  std::string email;
  uint32_t access_count = 0;
  uint32_t max_access_count = 0;
  Time created_at{};
  Time expires_at{};
  bool expired = false;
  bool accepted = false;
  bool has_passphrase = false;
};
Json EncodeShareList(const std::vector<ListedShare>& shares);

// What opens.
struct SharedSecret {
  LinkId id;
  std::string path;
  std::string type;
  std::string encoding;  // of the value, as the secret's own metadata names it in `claviger_encoding`
  SecretBytes value;
  uint32_t access_count = 0;  // this access included
  uint32_t max_access_count = 0;
};
std::string EncodeSharedSecret(const SharedSecret& secret);
Result<SharedSecret> DecodeSharedSecret(std::string_view body);

}  // namespace claviger::api
