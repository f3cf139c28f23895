#include "api/http/census.h"

#include "base/network.h"

namespace claviger::api::http {

Census::Ticket& Census::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    Release();
    census_ = std::exchange(other.census_, nullptr);
    group_ = std::move(other.group_);
  }
  return *this;
}

void Census::Ticket::Release() {
  if (census_ != nullptr) std::exchange(census_, nullptr)->Leave(group_);
}

bool Census::Full() const { return total() >= max_total_; }

uint32_t Census::total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

Census::Ticket Census::Admit(const std::string& address) {
  const auto ip = ParseIpAddress(address);
  std::string group = ip ? ip->Group() : address;
  const std::lock_guard lock(mutex_);
  if (total_ >= max_total_) return {};
  uint32_t& in_group = by_group_[group];
  if (in_group >= max_per_address_ && address != "unix") return {};
  ++in_group;
  ++total_;
  return Ticket(*this, std::move(group));
}

void Census::Leave(const std::string& group) {
  const std::lock_guard lock(mutex_);
  const auto it = by_group_.find(group);
  if (--it->second == 0) by_group_.erase(it);
  if (--total_ == 0) emptied_.notify_all();
}

bool Census::WaitEmpty(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return emptied_.wait_until(lock, deadline, [this] { return total_ == 0; });
}

}  // namespace claviger::api::http
