#include "api/device/device.h"

#include <algorithm>

#include "api/device/user_code.h"
#include "crypto/credential.h"

namespace claviger::api {
namespace {

constexpr std::string_view kPrefix = "dvc_";
constexpr std::string_view kDevicePurpose = "claviger/device-code/1";
constexpr std::string_view kUserPurpose = "claviger/user-code/1";
constexpr int kInsertAttempts = 3;

Error UnknownCode() { return NotFound("No login waits under this code"); }

DeviceTokenAnswer Refused(DeviceError error, AuditDraft& audit, std::string_view reason) {
  audit.Refuse(reason);
  return error;
}

// Asking again is no event: a login would make a hundred records.
DeviceTokenAnswer NotYet(DeviceError error, AuditDraft& audit) {
  audit.LeaveOut();
  return error;
}

}  // namespace

Result<DeviceCode> Device::Start(const DeviceCodeRequest& request, const Origin& origin, AuditDraft& audit) {
  audit.AddDetail("client", request.client_id);
  DeviceCode code;
  code.device_code = crypto::NewCredential(kPrefix, parts_.random);
  code.verification_uri = origin.page;
  code.interval = kFirstInterval.count();

  device_store::NewLogin login;
  TRY(login.device_mac, crypto::CredentialMac(parts_.keyring, kDevicePurpose, code.device_code.Text()));
  login.asked = request;
  login.user_agent = origin.user_agent;
  login.address = origin.address;
  login.created_at = parts_.clock.Now();
  login.expires_at = login.created_at + std::chrono::seconds(kDeviceCodeSeconds);
  // A user code may be taken, once in some millions.
  for (int attempt = 0; attempt < kInsertAttempts; ++attempt) {
    code.user_code = NewUserCode(parts_.random);
    TRY(login.user_mac, crypto::CredentialMac(parts_.keyring, kUserPurpose, code.user_code));
    TRY(const bool inserted, Insert(login, audit));
    if (inserted) return code;
  }
  return Unavailable("every user code that was tried is taken");
}

Result<bool> Device::Insert(const device_store::NewLogin& login, AuditDraft& audit) {
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRYV(device_store::Purge(*lease, login.created_at));
  const auto inserted = device_store::Insert(*lease, login, kBounds);
  if (!inserted && inserted.error().kind == ErrorKind::kConflict) return false;
  TRYV(inserted);
  if (!inserted.value()) {
    audit.AddDetail("reason", "too many logins wait");
    return Unavailable("too many device logins wait");
  }
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return true;
}

Result<DeviceTokenAnswer> Device::Poll(const SecretBytes& device_code, AuditDraft& audit) {
  const Time now = parts_.clock.Now();  // before the user is read, see api/auth/auth.h
  if (!crypto::HasCredentialForm(kPrefix, device_code.Text())) {
    return Refused(DeviceError::kExpired, audit, "malformed device code");
  }
  TRY(const auto macs, crypto::CredentialMacs(parts_.keyring, kDevicePurpose, device_code.Text()));
  std::optional<device_store::Waiting> waiting;
  PollVerdict verdict;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(waiting, device_store::FindByDevice(*lease, macs, now));
    if (!waiting) return Refused(DeviceError::kExpired, audit, "unknown or expired device code");
    verdict = JudgePoll(waiting->pace, waiting->offline, now);
    if (verdict.too_early && !waiting->offline) return NotYet(DeviceError::kPending, audit);
    TRY(const bool counted, device_store::SetPace(*lease, *waiting, verdict.pace));
    // Of two polls at the same moment one is too early, whatever it thought.
    if (!counted) return NotYet(DeviceError::kPending, audit);
  }
  if (verdict.too_early) return NotYet(DeviceError::kSlowDown, audit);
  if (waiting->state == DeviceState::kPending) return NotYet(DeviceError::kPending, audit);

  audit.SetActor("anonymous", "", waiting->decider.org);
  audit.SetResource("user", waiting->decider.user.ToString());
  audit.AddDetail("client", waiting->client_id);
  if (waiting->state == DeviceState::kDenied) {
    return Refused(DeviceError::kDenied, audit, "denied by the person who was asked");
  }
  return Redeem(*waiting, now, audit);
}

Result<DeviceTokenAnswer> Device::Redeem(const device_store::Waiting& waiting, Time now, AuditDraft& audit) {
  const device_store::Decider& person = waiting.decider;
  if (UnixSeconds(waiting.decided_at) < UnixSeconds(waiting.tokens_valid_from)) {
    return Refused(DeviceError::kExpired, audit, "the password changed since the approval");
  }
  TRY(auto access, parts_.tokens.Issue(person.org, person.user, now, waiting.tokens_valid_from));
  std::optional<Refresh::Prepared> prepared;
  if (waiting.offline) {
    TRY(prepared, parts_.refresh.Prepare());
  }

  AuditDraft success = audit;
  success.SetAction("auth.success");
  success.SetActor("user", person.user.ToString(), person.org);
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const bool kept, device_store::SharePerson(*lease, person, waiting.tokens_valid_from));
  if (!kept) return Refused(DeviceError::kExpired, audit, "the account or its password changed meanwhile");
  TRY(const bool redeemed, device_store::Redeem(*lease, waiting));
  if (!redeemed) return Refused(DeviceError::kExpired, audit, "redeemed before");
  if (prepared) {
    TRYV(parts_.refresh.Begin(*lease, waiting, *prepared, access));
  }
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(success, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  DeviceGrant grant{std::move(access), waiting.email, person.user, person.org, std::nullopt};
  if (prepared) grant.refresh_token = std::move(prepared->token);
  return DeviceTokenAnswer(std::move(grant));
}

Result<Device::Asking> Device::Find(const TypedCode& code, AuditDraft& audit) {
  auto normalised = NormalizeUserCode(code.text);
  if (!normalised) return UnknownCode();
  TRY(const auto permit, parts_.guesses.Take(Guess::kUserCode, {code.client, {}}, audit));
  auto found = FindByCode(*std::move(normalised));
  parts_.guesses.Settle(permit, found);
  return found;
}

Result<Device::Asking> Device::FindByCode(std::string code) {
  TRY(const auto macs, crypto::CredentialMacs(parts_.keyring, kUserPurpose, code));
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto asking, device_store::FindByUser(*lease, macs, parts_.clock.Now()));
  if (!asking) return UnknownCode();
  return Asking{std::move(code), *std::move(asking)};
}

Result<DeviceStatus> Device::StatusOf(const TypedCode& code, AuditDraft& audit) {
  TRY(auto asking, Find(code, audit));
  return DeviceStatus{std::move(asking.user_code), asking.what.state, std::move(asking.what.asked.client_id),
                      asking.what.expires_at};
}

Result<Device::Asking> Device::Look(const TypedCode& code, AuditDraft& audit) {
  TRY(auto asking, Find(code, audit));
  audit.AddDetail("client", asking.what.asked.client_id);
  audit.AddDetail("device_address", asking.what.address);
  return asking;
}

Result<DeviceState> Device::Decide(const Principal& principal, const TypedCode& code,
                                   const Decision& decision, Time asked_at, AuditDraft& audit) {
  if (!principal.key.IsNil()) {
    audit.AddDetail("reason", "an API key asks");
    return Forbidden("An API key may not decide about device logins");
  }
  TRY(const auto asking, Look(code, audit));
  const device_store::Decider person{principal.org, UserId{principal.id}};
  // Who signs in in the second of a change of the password gets a session of the next one.
  const Time decided_at =
      decision.session != nullptr ? std::max(asked_at, decision.session->signed_in_at) : asked_at;
  audit.SetResource("user", person.user.ToString());

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  if (decision.session != nullptr) {
    TRY(const bool spent, pages::Sessions::Spend(*lease, *decision.session));
    if (!spent) return Unauthenticated("the session is spent");
  }
  const auto decided = device_store::Decide(*lease, asking.what, decision.state, person, decided_at);
  // The only reference is to the person.
  if (!decided && decided.error().kind == ErrorKind::kConflict) return Unauthenticated("the account is gone");
  TRYV(decided);
  if (!decided.value()) return Invalid("This login is decided already");
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return decision.state;
}

}  // namespace claviger::api
