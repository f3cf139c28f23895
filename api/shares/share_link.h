#pragma once
// What a link ends in: an id that only the HSM can derive from the share's row, and that vouches for it.
//
// The id is an HMAC, under the lookup key of that time, of all in the row that never changes. So the database
// holds no link and nothing that gives one, lists can show each share's id all the same, and a row that was
// edited or moved is no longer what its link stands for. A row is found by a hash of the id, which needs no
// key: an id has 122 bits that nobody can guess.

#include <optional>
#include <string>

#include "api/shares/shares_wire.h"
#include "base/ids.h"
#include "crypto/jws.h"
#include "crypto/keyring.h"

namespace claviger::api {

using ShareId = Id<struct ShareTag>;  // of the row; in the audit log, and in no link

// What never changes.
struct ShareTerms {
  OrgId org;
  ShareId id;
  SecretId secret;
  crypto::PrincipalType by_type = crypto::PrincipalType::kUser;
  Uuid by{};
  RecipientType recipient = RecipientType::kAnyone;
  Uuid to{};                    // of the same organisation; nil if the recipient has no id
  std::string email;            // empty if the recipient has no address
  std::string passphrase_hash;  // empty: none
  std::string ip_allowlist;     // JSON array of networks
  uint32_t max_access_count = 0;
  Time created_at{};
  Time expires_at{};
};

// UUIDs of version 4. Both may block on the HSM.
struct NewLink {
  LinkId id;
  uint32_t lookup_version = 1;  // of the key that it came from
};
Result<NewLink> MakeLink(crypto::Keyring& keyring, const ShareTerms& terms);
// By the key of that version; nullopt if that is gone: then nothing tells any more what the link was.
Result<std::optional<LinkId>> LinkOf(crypto::Keyring& keyring, const ShareTerms& terms,
                                     uint32_t lookup_version);

// 32 bytes, to be stored and looked up.
Bytes LookupOf(const LinkId& link);

}  // namespace claviger::api
