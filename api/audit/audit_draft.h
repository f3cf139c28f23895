#pragma once
// What a request's audit record will say, gathered as the request proceeds.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/access/principal.h"
#include "api/http/message.h"
#include "base/random.h"
#include "crypto/audit_seal.h"

namespace claviger::api {

// Details are an allow-list: short names and identifiers, never bodies, values or credentials.
class AuditDraft {
 public:
  AuditDraft(const http::Request& request, std::string action, std::string operation);

  void SetActor(const Principal& principal);
  // For callers that prove who they are with this very request (login, signup).
  void SetActor(std::string type, std::string id, const OrgId& org);
  void SetAction(std::string action) { action_ = std::move(action); }
  void SetResource(std::string type, std::string id);
  void AddDetail(std::string_view name, std::string_view value);  // value at most 1024 bytes, longer is cut
  void AddDetail(std::string_view name, int64_t value);

  // The finished record. `outcome`: "success", "denied", "failed", "unknown".
  crypto::AuditRecord Finish(const Clock& clock, Random& random, std::string_view outcome) const;

  // Set by the handler once the record was committed together with its change.
  void MarkCommitted() { committed_ = true; }
  bool committed() const { return committed_; }
  // For one of many refusals that another record tells of (api/limits/refusal_digest.h): none of its own.
  void LeaveOut() { committed_ = true; }
  // Why the request was not done, unless somebody has said so more exactly.
  void Explain(std::string_view reason);
  // For a refusal whose answer is a 200, as some protocols want it: its outcome is "denied".
  void Refuse(std::string_view reason) {
    AddDetail("reason", reason);
    refused_ = true;
  }
  bool refused() const { return refused_; }

 private:
  std::string action_;
  std::string actor_type_ = "anonymous";
  std::string actor_id_;
  OrgId org_;
  std::string resource_type_;
  std::string resource_id_;
  std::vector<std::pair<std::string, std::string>> text_details_;
  std::vector<std::pair<std::string, int64_t>> number_details_;
  std::string ip_address_;
  std::string request_id_;
  bool committed_ = false;
  bool refused_ = false;
};

}  // namespace claviger::api
