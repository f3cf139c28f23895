#include "api/access/key_uses.h"

#include "api/failure_log.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxKeys = 65536;
constexpr std::chrono::minutes kPrecision{1};
constexpr std::chrono::seconds kInterval{1};

// Another node may have written meanwhile.
constexpr schema::Statement kWriteKeys = {
    "access_write_key_uses",
    "UPDATE api_keys k SET last_used_at = u.at"
    "  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) u(org_id, id, at)"
    " WHERE k.org_id = u.org_id AND k.id = u.id"
    "   AND (k.last_used_at IS NULL OR k.last_used_at <= u.at - interval '1 minute')",
    true};
constexpr schema::Statement kWriteAgents = {
    "access_write_agent_uses",
    "UPDATE agents a SET last_active_at = u.at"
    "  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) u(org_id, id, at)"
    " WHERE a.org_id = u.org_id AND a.id = u.id"
    "   AND (a.last_active_at IS NULL OR a.last_active_at <= u.at - interval '1 minute')",
    true};

}  // namespace

void KeyUses::Start() {
  thread_.Start([this] { Loop(); });
}

void KeyUses::Note(const Principal& owner) {
  const Uuid id = owner.type == PrincipalType::kAgent ? owner.id : owner.key.uuid;
  const Time now = clock_.Now();
  const std::lock_guard lock(mutex_);
  if (uses_.contains(id) || uses_.size() >= kMaxKeys) return;
  uses_.emplace(id, Use{owner.type, owner.org, now});
}

std::map<Uuid, KeyUses::Use> KeyUses::TakeUnwritten() {
  const Time old = clock_.Now() - kPrecision;
  std::map<Uuid, Use> unwritten;
  const std::lock_guard lock(mutex_);
  std::erase_if(uses_, [&](const auto& entry) { return entry.second.written && entry.second.at <= old; });
  for (auto& [id, use] : uses_) {
    if (use.written) continue;
    use.written = true;  // or else given up: a use is not worth a second try
    unwritten.emplace(id, use);
  }
  return unwritten;
}

Status KeyUses::WriteOnce() {
  using schema::Param;
  const auto uses = TakeUnwritten();
  for (const auto& [type, statement] :
       {std::pair(PrincipalType::kUser, &kWriteKeys), std::pair(PrincipalType::kAgent, &kWriteAgents)}) {
    std::vector<Uuid> orgs, ids;
    std::vector<Time> times;
    for (const auto& [id, use] : uses) {
      if (use.type != type) continue;
      orgs.push_back(use.org.uuid);
      ids.push_back(id);
      times.push_back(use.at);
    }
    if (ids.empty()) continue;
    TRY(auto lease, pool_.Acquire());
    TRYV(lease->Run(*statement, {Param::UuidArray(orgs), Param::UuidArray(ids), Param::TimeArray(times)}));
  }
  return Ok();
}

void KeyUses::Loop() {
  bool stopping = false;
  while (!stopping) {
    thread_.Rest(kInterval);
    stopping = thread_.Stopping();
    const auto written = WriteOnce();
    if (!written.has_value() && !failing_) {
      LogConsequence(log_, "times at which keys were used cannot be written", written.error());
    }
    failing_ = !written.has_value();
  }
}

}  // namespace claviger::api
