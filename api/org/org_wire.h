#pragma once
// Members of an organisation as JSON: what clients send and get. Shared with the command line.

#include <string>
#include <string_view>
#include <vector>

#include "api/json/json.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace claviger::api {

struct Member {
  UserId id;
  std::string email;
  std::string display_name;
  std::string role;  // a name of api/access/principal.h
  std::string auth_method;
  Time created_at{};
};
Json EncodeMember(const Member& member);
Json EncodeMemberList(const std::vector<Member>& members);

struct InviteMemberRequest {
  std::string email;  // normalised
  std::string role = "member";
};
// kInvalid unless `email` is an address and `role`, if given, a role.
Result<InviteMemberRequest> DecodeInviteMember(std::string_view body);
Json EncodeInviteMember(const InviteMemberRequest& request);
Json EncodeInvited(std::string_view email);

// The new role. kInvalid if it is none.
Result<std::string> DecodeUpdateMember(std::string_view body);
Json EncodeUpdateMember(std::string_view role);

}  // namespace claviger::api
