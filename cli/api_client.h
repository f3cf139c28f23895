#pragma once
// The daemon's API as JSON in and out. Refusals come back as Errors: the kind from the HTTP status, the
// detail from the problem body, with the request's id for the operator's log.

#include <nlohmann/json.hpp>
#include <string>

#include "api/json/json.h"
#include "base/error.h"
#include "base/secret_bytes.h"
#include "cli/http_client.h"

namespace claviger::cli {

using api::Json;

class ApiClient {
 public:
  ApiClient(HttpClient http, SecretBytes token) : http_(std::move(http)), token_(std::move(token)) {}

  // `target` begins with /v1 and is percent-encoded.
  Result<Json> Get(std::string target) { return Call("GET", std::move(target), {}); }
  // A list with all its pages: the first answer, whose array `name` holds the elements of every page.
  // kTooLarge beyond 1000 pages or 256 MiB. Pages are read from the same path of the same server only.
  Result<Json> GetList(std::string target, const char* name);
  Result<Json> Post(std::string target, const Json& body, const SecretHeaders& headers = {});
  Result<Json> Patch(std::string target, const Json& body);
  // For secrets: their JSON text stays in memory that is wiped.
  Result<SecretBytes> GetText(std::string target, const SecretHeaders& headers = {}) {
    return Send("GET", std::move(target), {}, headers);
  }
  Result<Json> PostText(std::string target, std::string_view body);
  // For what is answered with 204.
  Status PostNothing(std::string target);
  Result<Json> PutText(std::string target, std::string_view body);
  Status Delete(std::string target, std::string_view body = {});
  // For a deletion that is answered with what is left.
  Result<Json> DeleteForAnswer(std::string target) { return Call("DELETE", std::move(target), {}); }
  const std::string& url() const { return http_.url(); }

 private:
  // A 2xx answer.
  Result<HttpResponse> Exchange(std::string method, std::string target, std::string_view body,
                                const SecretHeaders& headers = {});
  Result<SecretBytes> Send(std::string method, std::string target, std::string_view body,
                           const SecretHeaders& headers = {});
  Result<Json> ParseAnswer(const SecretBytes& text) const;
  Result<Json> Call(std::string method, std::string target, std::string_view body,
                    const SecretHeaders& headers = {});
  HttpClient http_;
  SecretBytes token_;
};

// A member's text, "" if it is absent or not a string; a number as its digits.
std::string TextOf(const Json& object, const char* name);
// The elements of the named array; kInternal if the answer has none.
Result<Json> ListOf(Json answer, const char* name);

// "?a=b&c=d" of the fields that have a value.
std::string QueryString(const std::vector<std::pair<const char*, std::string>>& fields);

}  // namespace claviger::cli
