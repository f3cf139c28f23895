#include <nlohmann/json.hpp>

#include "api/org/org.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

// A malformed id reads exactly as an absent one.
UserId MemberIdOf(const Context& context) {
  return UserId::Parse(context.params.find("user_id")->second).value_or(UserId{});
}

Result<Response> ListMembers(Org& org, Context& context) {
  TRY(const auto limit, http::ReadLimit(context.request));
  std::optional<UserId> after;
  if (const auto text = context.request.Query("after")) {
    after = UserId::Parse(*text);
    if (!after) return Invalid("after must be a UUID");
  }
  TRY(const auto page, org.List(context.principal, after, limit));
  auto response = Response::Json(200, DumpJson(EncodeMemberList(page.items)));
  if (!page.complete) {
    http::AddNextLink(response, "/v1/org/members?limit=" + std::to_string(limit) +
                                    "&after=" + page.items.back().id.ToString());
  }
  return response;
}

Result<Response> InviteMember(Org& org, Context& context) {
  TRY(const auto request, DecodeInviteMember(context.request.body));
  TRYV(org.Invite(context.principal, request, context.audit));
  return Response::Json(200, DumpJson(EncodeInvited(request.email)));
}

Result<Response> UpdateMemberRole(Org& org, Context& context) {
  TRY(const auto role, DecodeUpdateMember(context.request.body));
  TRY(const auto member, org.SetRole(context.principal, MemberIdOf(context), role, context.audit));
  return Response::Json(200, DumpJson(EncodeMember(member)));
}

Result<Response> RemoveMember(Org& org, Context& context) {
  TRYV(org.Remove(context.principal, MemberIdOf(context), context.audit));
  return Response::NoContent();
}

}  // namespace

std::vector<Route> OrgRoutes(Org& org) {
  const auto bind = [&org](Result<Response> (*handler)(Org&, Context&)) {
    return [&org, handler](Context& context) { return handler(org, context); };
  };
  const std::string one = "/v1/org/members/{user_id}";
  return {
      {.method = Method::kGet,
       .pattern = "/v1/org/members",
       .operation_id = "listOrgMembers",
       .auth = AuthKind::kUser,
       .action = "member.list",
       .handler = bind(ListMembers),
       .for_auditors = true},
      {.method = Method::kPost,
       .pattern = "/v1/org/invite",
       .operation_id = "inviteMember",
       .auth = AuthKind::kUser,
       .action = "member.invite",
       .handler = bind(InviteMember)},
      {.method = Method::kPatch,
       .pattern = one,
       .operation_id = "updateMemberRole",
       .auth = AuthKind::kUser,
       .action = "member.update",
       .handler = bind(UpdateMemberRole)},
      {.method = Method::kDelete,
       .pattern = one,
       .operation_id = "removeMember",
       .auth = AuthKind::kUser,
       .action = "member.remove",
       .handler = bind(RemoveMember)},
  };
}

}  // namespace claviger::api
