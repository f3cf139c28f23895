#include "api/limits/refusal_digest.h"

namespace claviger::api {
namespace {

constexpr std::chrono::minutes kWindow{1};
constexpr std::chrono::seconds kSweepInterval{1};

}  // namespace

void RefusalDigest::Note(std::string_view limit, std::string_view subject, AuditDraft& draft) {
  const SteadyTime now = clock_.Steady();
  std::string key(limit);
  key.append(" ").append(subject);
  const std::lock_guard lock(mutex_);
  auto found = entries_.find(key);
  if (found != entries_.end() && now - found->second.recorded_at < kWindow) {
    ++found->second.left_out;
    return draft.LeaveOut();
  }
  if (found == entries_.end()) {
    if (entries_.size() >= max_subjects_) Sweep(now);
    if (entries_.size() >= max_subjects_) {
      ++left_out_of_others_;
      return draft.LeaveOut();
    }
    found = entries_.emplace(std::move(key), Entry{}).first;
  }
  draft.AddDetail("limit", limit);
  if (found->second.left_out > 0) draft.AddDetail("left_out", found->second.left_out);
  if (left_out_of_others_ > 0) draft.AddDetail("left_out_of_others", left_out_of_others_);
  left_out_of_others_ = 0;
  found->second = {now, 0};
}

void RefusalDigest::Sweep(SteadyTime now) {
  if (now < sweep_at_) return;
  sweep_at_ = now + kSweepInterval;
  std::erase_if(entries_, [&](const auto& entry) {
    if (now - entry.second.recorded_at < kWindow) return false;
    left_out_of_others_ += entry.second.left_out;
    return true;
  });
}

}  // namespace claviger::api
