#include "cli/member_name.h"

#include "cli/output.h"

namespace claviger::cli {

Result<std::string> FindMember(ApiClient& api, const std::string& member) {
  if (member.find('@') == std::string::npos) return member;
  TRY(Json answer, api.GetList(kMembers, "members"));
  TRY(const Json members, ListOf(std::move(answer), "members"));
  for (const Json& each : members) {
    if (TextOf(each, "email") == member) return TextOf(each, "id");
  }
  return NotFound("The organisation has no member " + Printable(member));
}

}  // namespace claviger::cli
