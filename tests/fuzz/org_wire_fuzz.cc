// Members as JSON: what is taken is a role, and an address in its one form, and prints back.
#include <nlohmann/json.hpp>

#include "api/auth/auth_wire.h"
#include "api/org/org_wire.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

bool IsRole(const std::string& text) {
  return text == "owner" || text == "admin" || text == "member" || text == "auditor";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  if (const auto request = DecodeInviteMember(text)) {
    const auto address = NormalizeEmail(request.value().email);
    Require(address && address.value() == request.value().email, "addresses are normalised");
    Require(IsRole(request.value().role), "roles are known");
    const auto again = DecodeInviteMember(DumpJson(EncodeInviteMember(request.value())));
    Require(
        again && again.value().email == request.value().email && again.value().role == request.value().role,
        "requests print back");
  }
  if (const auto role = DecodeUpdateMember(text)) {
    Require(IsRole(role.value()), "roles are known");
    const auto again = DecodeUpdateMember(DumpJson(EncodeUpdateMember(role.value())));
    Require(again && again.value() == role.value(), "requests print back");
  }
  return 0;
}
