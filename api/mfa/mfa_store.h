#pragma once
// Every SQL statement on totp_factors, recovery_codes and mfa_challenges. Transactions lock a person's factor
// before their codes and challenges.

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "crypto/credential.h"
#include "schema/pg/pg.h"

namespace claviger::api::mfa_store {

struct Owner {
  OrgId org;
  UserId user;
};

struct Factor {
  Uuid id{};  // stays when the secret is sealed anew
  Bytes sealed_secret;
  crypto::WrappedKek kek;  // under which it lies
  int64_t last_step = 0;
  bool enabled = false;
};
Result<std::optional<Factor>> Find(schema::Connection& connection, const Owner& owner);

// A factor of id and sealed secret that waits for its first code, in place of another such; false if one is
// enabled.
Result<bool> PutPending(schema::Connection& connection, const Owner& owner, const Factor& factor, Time now);
// False if it is not this one any more that waits.
Result<bool> Enable(schema::Connection& connection, const Owner& owner, const Factor& seen, int64_t step,
                    Time now);
Status InsertRecoveryCodes(schema::Connection& connection, const Owner& owner,
                           const std::vector<crypto::LookupMac>& macs);

// Locks the person's factor until the transaction ends; false if it is not this one any more or not enabled.
Result<bool> Lock(schema::Connection& connection, const Owner& owner, const Factor& seen);
// The compare-and-set that spends a step; false if this step or a newer one is spent.
Result<bool> SpendStep(schema::Connection& connection, const Owner& owner, int64_t step);
// False if there is no such code, or not any more.
Result<bool> SpendRecoveryCode(schema::Connection& connection, const Owner& owner,
                               const crypto::LookupMacs& macs);
// With its codes and challenges.
Status Delete(schema::Connection& connection, const Owner& owner);

struct Challenge {
  Owner owner;
  Bytes mac;  // as it is stored
  Time expires_at{};
  int32_t tries = 0;
  Factor factor;
  std::string email;  // of its owner
  Time tokens_valid_from{};
};
// False if the factor is not enabled any more. Removes the person's expired ones.
Result<bool> InsertChallenge(schema::Connection& connection, const Owner& owner, const crypto::LookupMac& mac,
                             Time expires_at, Time now);
Result<std::optional<Challenge>> FindChallenge(schema::Connection& connection,
                                               const crypto::LookupMacs& macs);
// One more code tried against it; false if that would be more than `limit`.
Result<bool> CountChallengeTry(schema::Connection& connection, const Challenge& challenge, int32_t limit);
// False if it is gone: it succeeds once.
Result<bool> SpendChallenge(schema::Connection& connection, const Challenge& challenge);
// All that wait for this person's code.
Status DeleteChallenges(schema::Connection& connection, const Owner& owner);

struct Outdated {
  Owner owner;
  Factor factor;
};
// Of all people, those under older versions of the system KEK than `newest`.
Result<std::vector<Outdated>> FindOutdated(schema::Connection& connection, uint32_t newest, int64_t limit);
Result<int64_t> CountOutdated(schema::Connection& connection, uint32_t newest);
// False if it is not sealed that way any more.
Result<bool> Reseal(schema::Connection& connection, const Outdated& factor, uint32_t newest,
                    ByteView sealed_secret);

}  // namespace claviger::api::mfa_store
