#include "api/org/org_wire.h"

#include <nlohmann/json.hpp>

#include "api/auth/auth_wire.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxRoleBytes = 16;

void CheckRole(ObjectReader& reader, const std::string& role) {
  if (role != "owner" && role != "admin" && role != "member" && role != "auditor") {
    reader.Refuse("role", "must be 'owner', 'admin', 'member' or 'auditor'");
  }
}

}  // namespace

Json EncodeMember(const Member& member) {
  return {{"id", member.id.ToString()},          {"email", member.email},
          {"display_name", member.display_name}, {"role", member.role},
          {"auth_method", member.auth_method},   {"created_at", FormatTime(member.created_at)}};
}

Json EncodeMemberList(const std::vector<Member>& members) {
  Json list = Json::array();
  for (const Member& member : members) list.push_back(EncodeMember(member));
  return {{"members", std::move(list)}};
}

Result<InviteMemberRequest> DecodeInviteMember(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  InviteMemberRequest request;
  const std::string email = reader.String("email", 3, kMaxEmailBytes);
  std::optional<std::string> role;
  reader.OptionalString("role", 1, kMaxRoleBytes, role);
  request.role = role.value_or(request.role);
  CheckRole(reader, request.role);
  TRYV(reader.Finish());
  TRY(request.email, NormalizeEmail(email));
  return request;
}

Json EncodeInviteMember(const InviteMemberRequest& request) {
  return {{"email", request.email}, {"role", request.role}};
}

Json EncodeInvited(std::string_view email) { return {{"email", email}, {"message", "Invitation sent"}}; }

Result<std::string> DecodeUpdateMember(std::string_view body) {
  TRY(const auto json, ParseJsonObject(body));
  ObjectReader reader(json);
  std::string role = reader.String("role", 1, kMaxRoleBytes);
  CheckRole(reader, role);
  TRYV(reader.Finish());
  return role;
}

Json EncodeUpdateMember(std::string_view role) { return {{"role", role}}; }

}  // namespace claviger::api
