#pragma once
// How fast one client may ask, whoever it is: evaluated on the IO thread before authentication and before
// anything is queued. Each node counts for itself; guesses at credentials have budgets that all nodes share
// (api/limits/guess_budgets.h).

#include <optional>

#include "api/limits/refusal_digest.h"
#include "api/limits/token_buckets.h"
#include "api/routes.h"

namespace claviger::api {

struct TrafficLimits {
  Rate requests;       // of one client, all routes that do work
  Rate auth_requests;  // of one client, public routes that do work: login, signup and their like
};

class TrafficShaper {
 public:
  TrafficShaper(const TrafficLimits& limits, const Clock& clock, Random& random, RefusalDigest& refusals)
      : requests_(limits.requests, random),
        auth_requests_(limits.auth_requests, random),
        clock_(clock),
        refusals_(refusals) {}

  // kTooMany, with the record of the refusal in `draft`. Routes that are answered from memory always pass: a
  // refusal would cost as much, and health must be seen.
  Status Admit(const Route& route, const http::Request& request, std::optional<AuditDraft>& draft);

 private:
  TokenBuckets requests_;
  TokenBuckets auth_requests_;
  const Clock& clock_;
  RefusalDigest& refusals_;
};

}  // namespace claviger::api
