#include "api/org/org.h"

#include <algorithm>

#include "api/access/change_feed.h"
#include "api/auth/auth_store.h"
#include "api/policies/policies_store.h"

namespace claviger::api {
namespace {

using OrgMember = auth_store::Member;

constexpr size_t kFixedTextBytes = 400;  // of an encoded member, besides address and name
constexpr std::chrono::hours kLifetime{7 * 24};
constexpr std::chrono::minutes kMailPause{10};

Error InsufficientPermissions() { return Forbidden("Insufficient permissions"); }
Error MemberNotFound() { return NotFound("Member not found"); }
Error AccountGone() { return Unauthenticated("the account is gone"); }

// Owners reach everybody, admins only plain members (not the auditors who watch them), all others nobody.
bool Reaches(Role caller, Role other) {
  return caller == Role::kOwner || (caller == Role::kAdmin && other == Role::kMember);
}

const OrgMember* FindMember(const std::vector<OrgMember>& members, const Uuid& id) {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.id.uuid == id; });
  return found == members.end() ? nullptr : &*found;
}

// Whether `caller` may do something to `target`. Under LockMembers: a role in the principal may be a second
// old.
Result<OrgMember> CheckReach(const std::vector<OrgMember>& members, const Principal& caller,
                             const UserId& target) {
  const OrgMember* actor = FindMember(members, caller.id);
  if (actor == nullptr) return AccountGone();
  if (actor->role == Role::kMember || actor->role == Role::kAuditor) return InsufficientPermissions();
  const OrgMember* member = FindMember(members, target.uuid);
  if (member == nullptr) return MemberNotFound();
  if (!Reaches(actor->role, member->role)) return InsufficientPermissions();
  return *member;
}

Status CheckOwnerRemains(const std::vector<OrgMember>& members, const OrgMember& leaving) {
  const auto owners = std::count_if(members.begin(), members.end(),
                                    [](const auto& member) { return member.role == Role::kOwner; });
  if (leaving.role == Role::kOwner && owners == 1) return Invalid("An organisation needs an owner");
  return Ok();
}

}  // namespace

Result<http::Page<Member>> Org::List(const Principal& principal, const std::optional<UserId>& after,
                                     int64_t limit) {
  TRY(auto lease, parts_.pool.Acquire());
  return http::CollectPage<Member>(
      limit,
      [&](const Member* last, int64_t count) {
        return org_store::List(*lease, principal.org, last ? last->id : after, count);
      },
      [](const Member& member) {
        return kFixedTextBytes + member.email.size() + member.display_name.size();
      });
}

Status Org::Invite(const Principal& principal, const InviteMemberRequest& request, AuditDraft& audit) {
  audit.SetResource("invitation", request.email);
  audit.AddDetail("role", request.role);
  const Role role = ParseRole(request.role).value_or(Role::kOwner);
  if (!Reaches(principal.role, role)) return InsufficientPermissions();
  if (!signup_by_mail_) return Invalid("Invitations need signup by mail, which this server does not have");
  TRYV(parts_.guesses.Take(Guess::kInvite, {{}, principal.org.ToString()}, audit));
  const UserId inviter{principal.id};
  std::optional<auth_store::Credentials> account;
  std::optional<Profile> profile;
  {
    TRY(auto lease, parts_.pool.Acquire());
    TRY(account, auth_store::FindByEmail(*lease, request.email));
    TRY(profile, auth_store::FindProfile(*lease, principal.org, inviter));
  }
  if (account) return Conflict("The address has an account");
  if (!profile) return AccountGone();
  const Time now = parts_.clock.Now();
  TRY(const auto mail, parts_.mail.Prepare(request.email, InvitationMail(parts_.mail.url(), profile->email,
                                                                         request.email, request.role)));

  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const auto members, auth_store::LockMembers(*lease, principal.org));
  const OrgMember* actor = FindMember(members, principal.id);
  if (actor == nullptr) return AccountGone();
  if (!Reaches(actor->role, role)) return InsufficientPermissions();
  TRY(const auto earlier, org_store::Find(*lease, principal.org, request.email));
  TRY(const auto open, org_store::CountOpen(*lease, principal.org, now));
  if (open >= kMaxInvitations && !earlier) {
    return Conflict("The organisation has 1000 open invitations, the most there can be");
  }
  const bool tell = !earlier || earlier->created_at <= now - kMailPause;
  TRYV(org_store::Put(*lease, {principal.org, request.email, request.role, inviter,
                               tell ? now : earlier->created_at, now + kLifetime}));
  if (tell) {
    TRY(const bool posted, parts_.mail.Post(*lease, mail));
    if (!posted) return Unavailable("the outbox is full");
  }
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  audit.MarkCommitted();
  return Ok();
}

Result<Member> Org::SetRole(const Principal& principal, const UserId& user, const std::string& role,
                            AuditDraft& audit) {
  audit.SetResource("user", user.ToString());
  audit.AddDetail("role", role);
  const Role wanted = ParseRole(role).value_or(Role::kOwner);
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const auto members, auth_store::LockMembers(*lease, principal.org));
  TRY(const auto member, CheckReach(members, principal, user));
  if (!Reaches(FindMember(members, principal.id)->role, wanted)) return InsufficientPermissions();
  if (wanted != Role::kOwner) {
    TRYV(CheckOwnerRemains(members, member));
  }
  TRY(const auto changed, org_store::SetRole(*lease, principal.org, user, role));
  if (!changed) return MemberNotFound();
  if (wanted != member.role) {
    TRYV(org_store::DeleteOfInviter(*lease, principal.org, user));
  }
  TRYV(lease->Run(ChangeCall("user", user.uuid)));
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  parts_.authenticator.ForgetUser(user);
  audit.MarkCommitted();
  return *changed;
}

Status Org::Remove(const Principal& principal, const UserId& user, AuditDraft& audit) {
  audit.SetResource("user", user.ToString());
  TRY(auto lease, parts_.pool.Acquire());
  TRY(auto transaction, lease->Begin());
  TRY(const auto members, auth_store::LockMembers(*lease, principal.org));
  TRY(const auto member, CheckReach(members, principal, user));
  TRYV(CheckOwnerRemains(members, member));
  TRYV(policies_store::DeleteOfUser(*lease, principal.org, user));
  TRYV(auth_store::DeleteUser(*lease, principal.org, user));
  TRYV(lease->Run(ChangeCall("user", user.uuid)));
  TRYV(parts_.audit.Insert(*lease, parts_.audit.Finish(audit, "success")));
  TRYV(transaction.Commit());
  parts_.authenticator.ForgetUser(user);
  audit.MarkCommitted();
  return Ok();
}

}  // namespace claviger::api
