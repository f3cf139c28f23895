#include <nlohmann/json.hpp>

#include "api/rotations/rotations.h"
#include "api/vaults/vaults.h"

namespace claviger::api {
namespace {

using http::Method;
using http::Response;

// A malformed id reads exactly as an absent one.
RotationId RotationIdOf(Context& context) {
  const auto id = RotationId::Parse(context.params.find("rotation_id")->second);
  if (id) context.audit.SetResource("rotation", id->ToString());
  return id.value_or(RotationId{});
}

Result<Response> RotateVault(Rotations& rotations, Context& context) {
  TRY(const auto vault, VaultIdOf(context));
  TRY(const auto rotation, rotations.Start(context.principal, vault, context.audit));
  return Response::Json(201, DumpJson(EncodeRotation(rotation)));
}

Result<Response> ListRotations(Rotations& rotations, Context& context) {
  TRY(const auto limit, http::ReadLimit(context.request));
  std::optional<RotationId> after;
  if (const auto text = context.request.Query("after")) {
    after = RotationId::Parse(*text);
    if (!after) return Invalid("after must be a UUID");
  }
  TRY(const auto page, rotations.List(context.principal, after, limit));
  auto response = Response::Json(200, DumpJson(EncodeRotationList(page.items)));
  if (!page.complete) {
    http::AddNextLink(response, "/v1/rotations?limit=" + std::to_string(limit) +
                                    "&after=" + page.items.back().id.ToString());
  }
  return response;
}

Result<Response> GetRotation(Rotations& rotations, Context& context) {
  TRY(const auto rotation, rotations.Get(context.principal, RotationIdOf(context)));
  return Response::Json(200, DumpJson(EncodeRotation(rotation)));
}

Result<Response> PauseRotation(Rotations& rotations, Context& context) {
  TRY(const auto rotation, rotations.Pause(context.principal, RotationIdOf(context), context.audit));
  return Response::Json(200, DumpJson(EncodeRotation(rotation)));
}

Result<Response> ResumeRotation(Rotations& rotations, Context& context) {
  TRY(const auto rotation, rotations.Resume(context.principal, RotationIdOf(context), context.audit));
  return Response::Json(200, DumpJson(EncodeRotation(rotation)));
}

}  // namespace

std::vector<Route> RotationRoutes(Rotations& rotations) {
  const auto bind = [&rotations](Result<Response> (*handler)(Rotations&, Context&)) {
    return [&rotations, handler](Context& context) { return handler(rotations, context); };
  };
  const std::string one = "/v1/rotations/{rotation_id}";
  return {
      {.method = Method::kPost,
       .pattern = "/v1/vaults/{vault_id}/rotations",
       .operation_id = "rotateVault",
       .auth = AuthKind::kUser,
       .action = "rotation.start",
       .handler = bind(RotateVault)},
      {.method = Method::kGet,
       .pattern = "/v1/rotations",
       .operation_id = "listRotations",
       .auth = AuthKind::kUser,
       .action = "rotation.list",
       .handler = bind(ListRotations)},
      {.method = Method::kGet,
       .pattern = one,
       .operation_id = "getRotation",
       .auth = AuthKind::kUser,
       .action = "rotation.read",
       .handler = bind(GetRotation)},
      {.method = Method::kPost,
       .pattern = one + "/pause",
       .operation_id = "pauseRotation",
       .auth = AuthKind::kUser,
       .action = "rotation.pause",
       .handler = bind(PauseRotation)},
      {.method = Method::kPost,
       .pattern = one + "/resume",
       .operation_id = "resumeRotation",
       .auth = AuthKind::kUser,
       .action = "rotation.resume",
       .handler = bind(ResumeRotation)},
  };
}

}  // namespace claviger::api
