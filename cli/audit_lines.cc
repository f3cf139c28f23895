#include "cli/audit_lines.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

namespace claviger::cli {
namespace {

constexpr size_t kBlockBytes = 64 * 1024;

}  // namespace

Result<LineSink> LineSink::Open(const std::string& path) {
  LineSink sink;
  if (path.empty()) return sink;
  TRY(NewFile file, NewFile::Create(path));
  sink.file_.emplace(std::move(file));
  return sink;
}

Status LineSink::Add(std::string_view line) {
  block_ += line;
  block_ += '\n';
  return block_.size() < kBlockBytes ? Status(Ok()) : Flush();
}

Status LineSink::Close() {
  TRYV(Flush());
  return file_ ? file_->Commit() : Status(Ok());
}

Status LineSink::Flush() {
  const std::string block = std::exchange(block_, {});
  return file_ ? file_->Write(AsBytes(block)) : WriteAll(STDOUT_FILENO, AsBytes(block), "standard output");
}

Result<OrgId> OwnOrg(ApiClient& api) {
  TRY(const Json me, api.Get("/v1/auth/me"));
  const auto org = OrgId::Parse(TextOf(me, "org_id"));
  if (!org) return MakeError(ErrorKind::kInternal, "The server does not say which organisation this is");
  return *org;
}

Result<api::ExportPage> FetchCheckpoints(ApiClient& api, uint64_t after) {
  TRY(const SecretBytes body,
      api.GetText("/v1/audit/checkpoints" + QueryString({{"after", std::to_string(after)}})));
  return api::DecodeCheckpointPage(body.Text());
}

Result<api::ExportPage> FetchRecords(ApiClient& api, uint64_t after, uint64_t checkpoint) {
  TRY(const SecretBytes body,
      api.GetText("/v1/audit/export" + QueryString({{"after", std::to_string(after)},
                                                    {"checkpoint", std::to_string(checkpoint)}})));
  return api::DecodeRecordPage(body.Text());
}

Status Advance(const api::ExportPage& page, uint64_t& after) {
  if (page.last <= after) return MakeError(ErrorKind::kInternal, "The server's pages do not advance");
  after = page.last;
  return Ok();
}

}  // namespace claviger::cli
