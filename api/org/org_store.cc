#include "api/org/org_store.h"

namespace claviger::api::org_store {
namespace {

using schema::Rows;
using schema::Statement;

#define MEMBER_COLUMNS "id, email, display_name, role, auth_method, created_at"

constexpr Statement kList = {"org_list_members",
                             "SELECT " MEMBER_COLUMNS
                             " FROM users WHERE org_id = $1 AND ($2::uuid IS NULL OR id > $2)"
                             " ORDER BY id LIMIT $3",
                             true};

constexpr Statement kSetRole = {
    "org_set_role", "UPDATE users SET role = $3 WHERE org_id = $1 AND id = $2 RETURNING " MEMBER_COLUMNS};

#undef MEMBER_COLUMNS

constexpr Statement kFind = {"org_find_invitation",
                             "SELECT role, invited_by, created_at, expires_at FROM invitations"
                             " WHERE org_id = $1 AND email = $2",
                             true};

constexpr Statement kPut = {
    "org_put_invitation",
    "INSERT INTO invitations (org_id, email, role, invited_by, created_at, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (org_id, email) DO UPDATE SET role = $3, invited_by = $4, created_at = $5, expires_at = "
    "$6"};

constexpr Statement kDeleteExpired = {"org_delete_expired_invitations",
                                      "DELETE FROM invitations WHERE org_id = $1 AND expires_at <= $2"};
constexpr Statement kCount = {"org_count_invitations", "SELECT count(*) FROM invitations WHERE org_id = $1"};

constexpr Statement kDeleteOfInviter = {"org_delete_invitations_of",
                                        "DELETE FROM invitations WHERE org_id = $1 AND invited_by = $2"};

// The next three: who signs up has only an address.
constexpr Statement kFindOffer = {"org_find_offer",
                                  "SELECT i.org_id, u.email FROM invitations i"
                                  "  JOIN users u ON u.org_id = i.org_id AND u.id = i.invited_by"
                                  " WHERE i.email = $1 AND i.expires_at > $2"
                                  " ORDER BY i.created_at DESC, i.org_id LIMIT 1",
                                  true};

constexpr Statement kIsOpen = {
    "org_is_open", "SELECT 1 FROM invitations WHERE org_id = $1 AND email = $2 AND expires_at > $3", true};

constexpr Statement kAccept = {"org_accept_invitation",
                               "DELETE FROM invitations WHERE email = $2"
                               " RETURNING org_id = $1 AND expires_at > $3, role"};

Member ReadMember(const Rows& rows, int row) {
  Member member;
  member.id = rows.IdAt<UserId>(row, 0);
  member.email = rows.Text(row, 1);
  member.display_name = rows.Text(row, 2);
  member.role = rows.Text(row, 3);
  member.auth_method = rows.Text(row, 4);
  member.created_at = rows.Timestamp(row, 5);
  return member;
}

}  // namespace

Result<std::vector<Member>> List(schema::Connection& connection, const OrgId& org,
                                 const std::optional<UserId>& after, int64_t limit) {
  TRY(const auto rows, connection.Run(kList, {org, after, limit}));
  std::vector<Member> members;
  members.reserve(rows.size());
  for (int row = 0; row < rows.size(); ++row) members.push_back(ReadMember(rows, row));
  return members;
}

Result<std::optional<Member>> SetRole(schema::Connection& connection, const OrgId& org, const UserId& user,
                                      std::string_view role) {
  TRY(const auto rows, connection.Run(kSetRole, {org, user, role}));
  if (rows.empty()) return std::nullopt;
  return ReadMember(rows, 0);
}

Result<std::optional<Invitation>> Find(schema::Connection& connection, const OrgId& org,
                                       std::string_view email) {
  TRY(const auto rows, connection.Run(kFind, {org, email}));
  if (rows.empty()) return std::nullopt;
  return Invitation{org,
                    std::string(email),
                    std::string(rows.Text(0, 0)),
                    rows.IdAt<UserId>(0, 1),
                    rows.Timestamp(0, 2),
                    rows.Timestamp(0, 3)};
}

Status Put(schema::Connection& connection, const Invitation& invitation) {
  TRYV(connection.Run(kPut, {invitation.org, invitation.email, invitation.role, invitation.invited_by,
                             invitation.created_at, invitation.expires_at}));
  return Ok();
}

Result<int64_t> CountOpen(schema::Connection& connection, const OrgId& org, Time now) {
  TRYV(connection.Run(kDeleteExpired, {org, now}));
  TRY(const auto rows, connection.Run(kCount, {org}));
  return rows.Int8(0, 0);
}

Status DeleteOfInviter(schema::Connection& connection, const OrgId& org, const UserId& inviter) {
  TRYV(connection.Run(kDeleteOfInviter, {org, inviter}));
  return Ok();
}

Result<std::optional<Offer>> FindOffer(schema::Connection& connection, std::string_view email, Time now) {
  TRY(const auto rows, connection.Run(kFindOffer, {email, now}));
  if (rows.empty()) return std::nullopt;
  return Offer{rows.IdAt<OrgId>(0, 0), std::string(rows.Text(0, 1))};
}

Result<bool> IsOpen(schema::Connection& connection, const OrgId& org, std::string_view email, Time now) {
  TRY(const auto rows, connection.Run(kIsOpen, {org, email, now}));
  return !rows.empty();
}

Result<std::optional<Role>> Accept(schema::Connection& connection, const OrgId& org, std::string_view email,
                                   Time now) {
  TRY(const auto rows, connection.Run(kAccept, {org, email, now}));
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.Bool(row, 0)) return ParseRole(rows.Text(row, 1));
  }
  return std::nullopt;
}

}  // namespace claviger::api::org_store
