#include "api/cmek/cmek_wire.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace claviger;
using namespace claviger::api;

namespace {

CmekRotation SomeRotation(CmekRotationStatus status) {
  CmekRotation rotation;
  rotation.id = *RotationId::Parse("0195a1b2-0000-7000-8000-000000000001");
  rotation.vault = *VaultId::Parse("0195a1b2-0000-7000-8000-000000000002");
  rotation.from.fill(0xAB);
  rotation.to.fill(0xCD);
  rotation.status = status;
  rotation.total = 5;
  rotation.processed = 3;
  rotation.created_at = *ParseTime("2026-03-01T12:00:00.000001Z");
  if (status == CmekRotationStatus::kFailed) rotation.error = "why";
  if (status == CmekRotationStatus::kCompleted) rotation.completed_at = rotation.created_at;
  return rotation;
}

std::vector<std::string> MembersOf(const Json& json) {
  std::vector<std::string> members;
  for (const auto& [name, value] : json.items()) members.push_back(name);
  return members;
}

}  // namespace

TEST_CASE("a rotation of a customer-managed key has exactly the members that shipped clients know") {
  const Json running = EncodeCmekRotation(SomeRotation(CmekRotationStatus::kRunning));
  CHECK(MembersOf(running) == std::vector<std::string>{"created_at", "id", "new_fingerprint",
                                                       "old_fingerprint", "processed", "started_at", "status",
                                                       "total_secrets", "vault_id"});
  CHECK(running["status"] == "running");
  CHECK(running["total_secrets"] == 5);
  CHECK(running["processed"] == 3);
  CHECK(running["old_fingerprint"] == HexEncode(SomeRotation(CmekRotationStatus::kRunning).from));
  CHECK(running["new_fingerprint"] == HexEncode(SomeRotation(CmekRotationStatus::kRunning).to));
  const Json failed = EncodeCmekRotation(SomeRotation(CmekRotationStatus::kFailed));
  CHECK(failed["status"] == "failed");
  CHECK(failed["error"] == "why");
  CHECK(!failed.contains("completed_at"));
  const Json completed = EncodeCmekRotation(SomeRotation(CmekRotationStatus::kCompleted));
  CHECK(completed["status"] == "completed");
  CHECK(completed["completed_at"] == completed["started_at"]);
}

TEST_CASE("versions that came meanwhile count among all") {
  CmekRotation rotation = SomeRotation(CmekRotationStatus::kRunning);
  rotation.processed = 7;
  CHECK(EncodeCmekRotation(rotation)["total_secrets"] == 7);
}

TEST_CASE("a rotation of a customer-managed key reads back what a command line needs") {
  for (const auto status :
       {CmekRotationStatus::kRunning, CmekRotationStatus::kCompleted, CmekRotationStatus::kFailed}) {
    const auto rotation = DecodeCmekRotation(EncodeCmekRotation(SomeRotation(status)));
    REQUIRE(rotation);
    CHECK(rotation.value().status == status);
    CHECK(rotation.value().total == 5);
    CHECK(rotation.value().processed == 3);
    CHECK(rotation.value().error == (status == CmekRotationStatus::kFailed ? "why" : ""));
  }
  CHECK(!DecodeCmekRotation(Json::object()));
  Json unknown = EncodeCmekRotation(SomeRotation(CmekRotationStatus::kRunning));
  unknown["status"] = "pending";
  CHECK(!DecodeCmekRotation(unknown));
}

TEST_CASE("requests name a fingerprint and read back") {
  crypto::Digest fingerprint;
  fingerprint.fill(0xEF);
  CHECK(DecodeEnableCmek(DumpJson(EncodeEnableCmek(fingerprint))).value() == fingerprint);
  CHECK(DecodeRotateCmek(DumpJson(EncodeRotateCmek(fingerprint))).value() == fingerprint);
  const std::string upper(64, 'E');
  CHECK(HexEncode(DecodeEnableCmek(R"({"fingerprint":")" + upper + R"("})").value()) == std::string(64, 'e'));
  for (const std::string& body : {std::string("{}"), std::string("[]"), std::string(R"({"fingerprint":7})"),
                                  R"({"fingerprint":")" + std::string(63, 'e') + R"("})",
                                  R"({"fingerprint":")" + std::string(65, 'e') + R"("})",
                                  R"({"fingerprint":")" + std::string(64, 'g') + R"("})",
                                  R"({"new_fingerprint":")" + std::string(64, 'e') + R"("})"}) {
    CAPTURE(body);
    const auto refused = DecodeEnableCmek(body);
    REQUIRE(!refused);
    CHECK(refused.error().kind == ErrorKind::kInvalid);
  }
}
