#pragma once
// What the two lookup keys of an installation that moves to another token mean for SQL: how statements look a
// credential up (crypto/credential.h tells in which order), and what still lies under an older key.

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/credential.h"
#include "schema/pg/pg.h"

namespace claviger::api::lookups_store {

// `run(mac)` runs a statement that looks for that MAC, or changes what has it. It runs once and, only while
// there are two keys, once more if it has found nothing.
template <class Run>
Result<schema::Rows> LookUp(const crypto::LookupMacs& macs, Run run) {
  return macs.LookUp(run, [](const schema::Rows& rows) { return rows.affected() > 0; });
}

// Live credentials, in people's words: neither expired, revoked, used up nor deleted.
struct UnderOlder {
  std::string kind;  // "API keys"
  int64_t count = 0;
};
// What would die with the lookup keys older than `lookup_version`; kinds of which there is none are left out.
Result<std::vector<UnderOlder>> CountUnderOlder(schema::Connection& connection, uint32_t lookup_version,
                                                Time now);

}  // namespace claviger::api::lookups_store
