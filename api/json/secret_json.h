#pragma once
// JSON that carries passwords and keys: what held them is wiped when it goes.

#include <nlohmann/json.hpp>
#include <string_view>

#include "api/json/json.h"
#include "base/secret_bytes.h"

namespace claviger::api {

// A parsed request; its strings are wiped with it.
class SecretJson {
 public:
  // As ParseJsonObject.
  static Result<SecretJson> Parse(std::string_view body);
  SecretJson(SecretJson&&) = default;
  SecretJson& operator=(SecretJson&&) = delete;
  ~SecretJson() { WipeStrings(json_); }
  const Json& operator*() const { return json_; }

 private:
  explicit SecretJson(Json json) : json_(std::move(json)) {}
  Json json_;
};

// A required member of 1 to `max_bytes` bytes.
SecretBytes ReadSecret(ObjectReader& reader, std::string_view name, size_t max_bytes);

// The text of a document, whose strings are wiped.
SecretBytes DumpSecret(Json json);

}  // namespace claviger::api
