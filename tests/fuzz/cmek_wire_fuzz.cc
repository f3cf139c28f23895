// Customer-managed keys as JSON, from clients and from servers, and the blobs made with them: what is taken
// prints back.
#include <nlohmann/json.hpp>

#include "api/cmek/cmek_wire.h"
#include "crypto/cmek.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  if (const auto enabled = DecodeEnableCmek(text)) {
    const auto again = DecodeEnableCmek(DumpJson(EncodeEnableCmek(enabled.value())));
    Require(again && again.value() == enabled.value(), "fingerprints print back");
  }
  if (const auto rotate = DecodeRotateCmek(text)) {
    const auto again = DecodeRotateCmek(DumpJson(EncodeRotateCmek(rotate.value())));
    Require(again && again.value() == rotate.value(), "new fingerprints print back");
  }
  if (const auto json = ParseJson(text)) {
    if (const auto rotation = DecodeCmekRotation(json.value())) {
      const auto again = DecodeCmekRotation(EncodeCmekRotation(rotation.value()));
      Require(again && EncodeCmekRotation(again.value()) == EncodeCmekRotation(rotation.value()),
              "rotations print back");
    }
  }
  if (const auto key = crypto::CmekKey::Parse(text)) {
    Require(key->Text().Text() == text, "a key has one text");
    Require(!key->Open(text), "a key is no blob");
  }
  if (crypto::IsCmekBlob(text)) Require(Base64Encode(*Base64Decode(text)) == text, "a blob has one text");
  return 0;
}
