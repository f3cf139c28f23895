#include "daemon/nouns.h"

namespace claviger::daemon {
namespace {

void Add(std::vector<api::Route>& all, std::vector<api::Route> more) {
  for (auto& route : more) all.push_back(std::move(route));
}

}  // namespace

Nouns::Nouns(const NounParts& parts)
    : vaults_(parts.pool, parts.keyring, parts.audit, parts.clock, parts.random) {}

Result<std::unique_ptr<Nouns>> Nouns::Create(const NounParts& parts) {
  return std::unique_ptr<Nouns>(new Nouns(parts));
}

std::vector<api::Route> Nouns::Routes() {
  std::vector<api::Route> all;
  Add(all, api::VaultRoutes(vaults_));
  return all;
}

}  // namespace claviger::daemon
