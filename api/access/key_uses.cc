#include "api/access/key_uses.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxKeys = 65536;
constexpr std::chrono::minutes kPrecision{1};
constexpr std::chrono::seconds kInterval{1};

// Another node may have written meanwhile.
constexpr schema::Statement kWrite = {
    "access_write_key_uses",
    "UPDATE api_keys k SET last_used_at = u.at"
    "  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) u(org_id, id, at)"
    " WHERE k.org_id = u.org_id AND k.id = u.id"
    "   AND (k.last_used_at IS NULL OR k.last_used_at <= u.at - interval '1 minute')",
    true};

}  // namespace

KeyUses::~KeyUses() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void KeyUses::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void KeyUses::Note(const OrgId& org, const KeyId& key) {
  const Time now = clock_.Now();
  const std::lock_guard lock(mutex_);
  if (uses_.contains(key) || uses_.size() >= kMaxKeys) return;
  uses_.emplace(key, Use{org, now});
}

Status KeyUses::WriteOnce() {
  std::vector<Uuid> orgs, keys;
  std::vector<Time> times;
  {
    const Time old = clock_.Now() - kPrecision;
    const std::lock_guard lock(mutex_);
    std::erase_if(uses_, [&](const auto& entry) { return entry.second.written && entry.second.at <= old; });
    for (auto& [key, use] : uses_) {
      if (use.written) continue;
      use.written = true;  // or else given up: a use is not worth a second try
      orgs.push_back(use.org.uuid);
      keys.push_back(key.uuid);
      times.push_back(use.at);
    }
  }
  if (keys.empty()) return Ok();
  using schema::Param;
  TRY(auto lease, pool_.Acquire());
  TRYV(lease->Run(kWrite, {Param::UuidArray(orgs), Param::UuidArray(keys), Param::TimeArray(times)}));
  return Ok();
}

void KeyUses::Loop() {
  bool stopping = false;
  while (!stopping) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kInterval, [this] { return stopping_; });
      stopping = stopping_;
    }
    const auto written = WriteOnce();
    if (!written.has_value() && !failing_) {
      log_.Failure("times at which keys were used cannot be written", written.error());
    }
    failing_ = !written.has_value();
  }
}

}  // namespace claviger::api
