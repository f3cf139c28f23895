#pragma once
// What `audit export` and `audit bundle` share: lines that go to a file or to standard output, and pages of
// them from the server.

#include <optional>
#include <string>
#include <string_view>

#include "api/audit/audit_wire.h"
#include "base/ids.h"
#include "cli/api_client.h"
#include "cli/files.h"

namespace claviger::cli {

class LineSink {
 public:
  // Standard output if `path` is empty; a file appears when it is closed.
  static Result<LineSink> Open(const std::string& path);
  Status Add(std::string_view line);
  Status Close();

 private:
  Status Flush();
  std::optional<NewFile> file_;
  std::string block_;
};

// The caller's organisation.
Result<OrgId> OwnOrg(ApiClient& api);

// Pages of the server, from behind `after` on; an empty one is the end.
Result<api::ExportPage> FetchCheckpoints(ApiClient& api, uint64_t after);
// Up to that checkpoint.
Result<api::ExportPage> FetchRecords(ApiClient& api, uint64_t after, uint64_t checkpoint);

// Moves `after` behind the page; kInternal if the server's pages do not advance.
Status Advance(const api::ExportPage& page, uint64_t& after);

}  // namespace claviger::cli
