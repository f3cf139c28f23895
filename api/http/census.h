#pragma once
// How many connections there are, in all and by client address. Any thread.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace claviger::api::http {

class Census {
 public:
  Census(uint32_t max_total, uint32_t max_per_address)
      : max_total_(max_total), max_per_address_(max_per_address) {}

  // One counted connection; it must not outlive the census.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Census& census, std::string group) : census_(&census), group_(std::move(group)) {}
    ~Ticket() { Release(); }
    Ticket(Ticket&& other) noexcept
        : census_(std::exchange(other.census_, nullptr)), group_(std::move(other.group_)) {}
    Ticket& operator=(Ticket&& other) noexcept;
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    explicit operator bool() const { return census_ != nullptr; }

   private:
    void Release();
    Census* census_ = nullptr;
    std::string group_;
  };

  bool Full() const;
  // Empty if the total or the address is at its limit. The address "unix" has no limit of its own: a front
  // on the same machine carries many clients. IPv6 clients are counted by their /64, which one host owns.
  Ticket Admit(const std::string& address);
  uint32_t total() const;
  // False if connections remain at the deadline.
  bool WaitEmpty(std::chrono::steady_clock::time_point deadline);

 private:
  void Leave(const std::string& group);

  const uint32_t max_total_;
  const uint32_t max_per_address_;
  mutable std::mutex mutex_;  // guards total_ and by_group_
  std::condition_variable emptied_;
  uint32_t total_ = 0;
  std::unordered_map<std::string, uint32_t> by_group_;
};

}  // namespace claviger::api::http
