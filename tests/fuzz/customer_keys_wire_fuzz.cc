// Requests to bind a vault to a customer's key: what is taken prints back.
#include <nlohmann/json.hpp>

#include "api/customer_keys/customer_keys_wire.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using namespace claviger::api;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (const auto request = DecodeBindCustomerKey(fuzz::Text(data, size))) {
    const auto again = DecodeBindCustomerKey(DumpJson(EncodeBindCustomerKey(request.value())));
    Require(again && again.value().token == request.value().token && again.value().key == request.value().key,
            "requests print back");
    Require(!request.value().token.empty() && request.value().token.size() <= kMaxTokenLabelBytes,
            "a token's label is as long as PKCS#11 lets it be");
  }
  return 0;
}
