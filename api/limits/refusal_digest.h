#pragma once
// Keeps a flood of refusals from becoming a flood of audit records: of each limit and subject only the first
// refusal in a minute is recorded, and it tells how many were left out before it. Of this node alone; any
// thread.

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/audit/audit_draft.h"
#include "base/clock.h"

namespace claviger::api {

class RefusalDigest {
 public:
  // Beyond `max_subjects` in a minute refusals are only counted.
  explicit RefusalDigest(const Clock& clock, size_t max_subjects = 4096)
      : clock_(clock), max_subjects_(max_subjects) {}

  // Writes into the record which limit refused, or leaves the record out. `subject`: whose limit it is.
  void Note(std::string_view limit, std::string_view subject, AuditDraft& draft);

 private:
  struct Entry {
    SteadyTime recorded_at{};
    int64_t left_out = 0;
  };
  // With mutex_ held: removes what was recorded more than a minute ago.
  void Sweep(SteadyTime now);

  const Clock& clock_;
  const size_t max_subjects_;
  std::mutex mutex_;  // guards everything below
  std::unordered_map<std::string, Entry> entries_;
  int64_t left_out_of_others_ = 0;  // of subjects without an entry
  SteadyTime sweep_at_{};
};

}  // namespace claviger::api
