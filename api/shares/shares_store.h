#pragma once
// Every SQL statement on `shares`. org_id is in each WHERE, except where somebody has only a link, or only an
// address to which something is addressed.

#include <optional>
#include <string>
#include <vector>

#include "api/access/principal.h"
#include "api/shares/share_link.h"
#include "schema/pg/pg.h"

namespace claviger::api::shares_store {

// A row, with what it says of its secret and of who shares.
struct Share {
  ShareTerms terms;
  uint32_t access_count = 0;
  std::optional<Time> accepted_at;
  std::optional<Time> told_at;
  VaultId vault;
  std::string path;
  std::string sharer_email;  // empty if an agent shares, or the address was never proven
  Bytes lookup;
  uint32_t lookup_version = 1;  // of the key that its link came from
};

// Of a secret that is there, deleted or not.
struct SecretPlace {
  VaultId vault;
  std::string path;
};
Result<std::optional<SecretPlace>> FindSecret(schema::Connection& connection, const OrgId& org,
                                              const SecretId& secret);
Result<bool> HasUser(schema::Connection& connection, const OrgId& org, const Uuid& user);
Result<bool> HasAgent(schema::Connection& connection, const OrgId& org, const Uuid& agent);
// nullopt if the agent's creator is gone.
Result<std::optional<UserId>> CreatorOf(schema::Connection& connection, const OrgId& org, const Uuid& agent);
// A person's address, and whether it was proven; nullopt if they are gone.
struct Address {
  std::string email;
  bool verified = false;
};
Result<std::optional<Address>> AddressOf(schema::Connection& connection, const OrgId& org, const Uuid& user);

// Removes some of what expired a week ago or earlier.
Status Purge(schema::Connection& connection, Time now);

// False if the organisation has `limit` shares already. Also purges. kConflict if the secret, or who shares,
// is gone.
Result<bool> Insert(schema::Connection& connection, const ShareTerms& terms, const NewLink& link,
                    int64_t limit);

Result<std::optional<Share>> Find(schema::Connection& connection, ByteView lookup);
Result<std::optional<Share>> FindRow(schema::Connection& connection, const OrgId& org, const ShareId& id);

// In order of creation, those after `after`: what this principal shares; what it is to receive, by its id or,
// a person, by their proven address.
struct Window {
  std::optional<ShareId> after;
  int64_t limit = 0;
};
Result<std::vector<Share>> ListOutbound(schema::Connection& connection, const Principal& principal,
                                        const Window& window);
Result<std::vector<Share>> ListInbound(schema::Connection& connection, const Principal& principal,
                                       const Window& window);

// One more access, if the share is still there, in time, accepted and not used up; else nullopt.
struct Access {
  Time now{};
  bool tells = false;  // a mail to who shares is at hand
  Time told_before{};  // they are told again if they were told by then
};
struct Counted {
  uint32_t access_count = 0;
  bool tell = false;  // the mail is to be sent
};
Result<std::optional<Counted>> CountAccess(schema::Connection& connection, const ShareTerms& terms,
                                           const Access& access);
// Both false if the share is gone. Accepting again changes nothing.
Result<bool> Accept(schema::Connection& connection, const ShareTerms& terms, Time now);
Result<bool> Delete(schema::Connection& connection, const ShareTerms& terms);

}  // namespace claviger::api::shares_store
