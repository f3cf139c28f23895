// Vaults as JSON, from clients and from servers: what is taken obeys the rules and prints back.
#include <nlohmann/json.hpp>

#include "api/json/text_rules.h"
#include "api/vaults/vaults_wire.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

namespace {

void CheckCreate(std::string_view text) {
  const auto request = DecodeCreateVault(text);
  if (!request) return;
  const auto& [name, description] = request.value();
  Require(!name.empty() && IsUtf8(name) && !name.starts_with(kReservedVaultPrefix), "names obey the rules");
  Require(name.find_first_of(std::string_view("\0\t\r\n\x1B\x7F", 6)) == std::string::npos,
          "names hold no control characters");
  Require(description.size() <= kMaxDescriptionBytes && IsUtf8(description), "descriptions are bounded");
  const auto again = DecodeCreateVault(DumpJson(EncodeCreateVault(request.value())));
  Require(again && again.value().name == name && again.value().description == description,
          "requests print back");
}

void CheckVault(const Json& json) {
  const auto vault = DecodeVault(json);
  if (!vault) return;
  const auto again = DecodeVault(EncodeVault(vault.value()));
  Require(again && EncodeVault(again.value()) == EncodeVault(vault.value()), "vaults print back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  CheckCreate(text);
  if (const auto json = ParseJson(text)) CheckVault(json.value());
  return 0;
}
