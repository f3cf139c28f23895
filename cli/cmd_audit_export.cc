// audit export: first the checkpoints, then the records up to the last of them, so that the file holds
// together while the log grows.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/audit/audit_wire.h"
#include "cli/cmd_audit.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/files.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace claviger::cli {
namespace {

constexpr size_t kBlockBytes = 64 * 1024;
// Our own requests are audited too and make new checkpoints, about one a second. A page this short means that
// we have caught up; a full page is longer.
constexpr size_t kShortPage = 10;

struct ExportOptions {
  std::string file;
};

// Lines to the file, or to stdout.
class LineSink {
 public:
  static Result<LineSink> Open(const std::string& path) {
    LineSink sink;
    if (path.empty()) return sink;
    TRY(NewFile file, NewFile::Create(path));
    sink.file_.emplace(std::move(file));
    return sink;
  }
  Status Add(std::string_view line) {
    block_ += line;
    block_ += '\n';
    return block_.size() < kBlockBytes ? Status(Ok()) : Flush();
  }
  Status Close() {
    TRYV(Flush());
    return file_ ? file_->Commit() : Status(Ok());
  }

 private:
  Status Flush() {
    const std::string block = std::exchange(block_, {});
    return file_ ? file_->Write(AsBytes(block)) : WriteAll(STDOUT_FILENO, AsBytes(block), "standard output");
  }
  std::optional<NewFile> file_;
  std::string block_;
};

struct Progress {
  uint64_t checkpoints = 0;
  uint64_t records = 0;
  uint64_t last_checkpoint = 0;

  void Show() const {
    if (!IsTerminal(STDERR_FILENO)) return;
    std::fprintf(stderr, "\r%llu checkpoints, %llu records", static_cast<unsigned long long>(checkpoints),
                 static_cast<unsigned long long>(records));
  }
};

Result<OrgId> OwnOrg(ApiClient& api) {
  TRY(const Json me, api.Get("/v1/auth/me"));
  const auto org = OrgId::Parse(TextOf(me, "org_id"));
  if (!org) return MakeError(ErrorKind::kInternal, "The server does not say which organisation this is");
  return *org;
}

// False for an empty page, the end.
Result<bool> TakePage(const api::ExportPage& page, uint64_t& after, uint64_t& count, LineSink& sink) {
  if (page.lines.empty()) return false;
  if (page.last <= after) return MakeError(ErrorKind::kInternal, "The server's pages do not advance");
  for (const std::string& line : page.lines) {
    TRYV(sink.Add(line));
  }
  after = page.last;
  count += page.lines.size();
  return true;
}

Status ExportCheckpoints(ApiClient& api, LineSink& sink, Progress& progress) {
  for (;;) {
    TRY(const SecretBytes body,
        api.GetText("/v1/audit/checkpoints" +
                    QueryString({{"after", std::to_string(progress.last_checkpoint)}})));
    TRY(const api::ExportPage page, api::DecodeCheckpointPage(body.Text()));
    TRY(const bool any, TakePage(page, progress.last_checkpoint, progress.checkpoints, sink));
    progress.Show();
    if (!any || page.lines.size() < kShortPage) return Ok();
  }
}

Status ExportRecords(ApiClient& api, LineSink& sink, Progress& progress) {
  uint64_t after = 0;
  for (;;) {
    TRY(const SecretBytes body,
        api.GetText("/v1/audit/export" +
                    QueryString({{"after", std::to_string(after)},
                                 {"checkpoint", std::to_string(progress.last_checkpoint)}})));
    TRY(const api::ExportPage page, api::DecodeRecordPage(body.Text()));
    TRY(const bool any, TakePage(page, after, progress.records, sink));
    progress.Show();
    if (!any) return Ok();
  }
}

Result<Progress> WriteExport(ApiClient& api, LineSink& sink) {
  Progress progress;
  TRY(const OrgId org, OwnOrg(api));
  TRYV(sink.Add(crypto::ExportHeaderLine(org, SystemClock().Now())));
  TRYV(ExportCheckpoints(api, sink, progress));
  if (progress.last_checkpoint == 0) {
    return MakeError(ErrorKind::kUnavailable, "The audit log has no checkpoint yet; try again in a second");
  }
  TRYV(ExportRecords(api, sink, progress));
  TRYV(sink.Add(crypto::ExportEndLine(progress.checkpoints, progress.records)));
  TRYV(sink.Close());
  return progress;
}

Result<int> Export(const Context& context, const ExportOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(LineSink sink, LineSink::Open(options.file));
  const auto progress = WriteExport(api, sink);
  if (IsTerminal(STDERR_FILENO)) std::fputc('\n', stderr);
  TRYV(progress);
  if (options.file.empty()) return kExitOk;
  const auto& [checkpoints, records, last_checkpoint] = progress.value();
  if (context.json()) {
    PrintJson({{"file", options.file},
               {"records", records},
               {"checkpoints", checkpoints},
               {"last_checkpoint", last_checkpoint}});
  }
  Notice("Exported " + std::to_string(records) + " records, sealed by " + std::to_string(checkpoints) +
         " checkpoints");
  return kExitOk;
}

}  // namespace

void AddAuditExport(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<ExportOptions>();
  auto* command = group.add_subcommand("export", "Save the organisation's audit log for verification");
  command->add_option("--file", options->file, "Write to this file, mode 0600, instead of standard output");
  Choose(command, chosen, options, Export);
}

}  // namespace claviger::cli
