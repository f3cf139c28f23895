// audit export: first the checkpoints, then the records up to the last of them, so that the file holds
// together while the log grows.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/audit_lines.h"
#include "cli/cmd_audit.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "crypto/audit_export.h"

namespace claviger::cli {
namespace {

// Our own requests are audited too and make new checkpoints, about one a second. A page this short means that
// we have caught up; a full page is longer.
constexpr size_t kShortPage = 10;

// A record is sealed within a second or so; a bundle begins between two checkpoints.
constexpr std::chrono::minutes kSealedAfter{1};

struct ExportOptions {
  std::string file;
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

Status TakePage(const api::ExportPage& page, uint64_t& after, uint64_t& count, LineSink& sink) {
  TRYV(Advance(page, after));
  for (const std::string& line : page.lines) {
    TRYV(sink.Add(line));
  }
  count += page.lines.size();
  return Ok();
}

Status ExportCheckpoints(ApiClient& api, LineSink& sink, Progress& progress) {
  for (;;) {
    TRY(const api::ExportPage page, FetchCheckpoints(api, progress.last_checkpoint));
    if (page.lines.empty()) return Ok();
    TRYV(TakePage(page, progress.last_checkpoint, progress.checkpoints, sink));
    progress.Show();
    if (page.lines.size() < kShortPage) return Ok();
  }
}

// Records of old months may have been taken out of the database; what is left would not verify by itself.
Status CheckBeginning(const api::ExportPage& page) {
  const auto line = crypto::ParseExportLine(page.lines.front());
  if (!line || !line->record || line->record->sequence == 1) return Ok();
  const Time sealed = line->record->record.created_at + kSealedAfter;
  return MakeError(ErrorKind::kGone,
                   "Records 1 to " + std::to_string(line->record->sequence - 1) +
                       " are not in the database any more. To save what came later: claviger"
                       " audit bundle --from " +
                       FormatTime(sealed) + " -o FILE");
}

Status ExportRecords(ApiClient& api, LineSink& sink, Progress& progress) {
  for (uint64_t after = 0;;) {
    TRY(const api::ExportPage page, FetchRecords(api, after, progress.last_checkpoint));
    if (page.lines.empty()) return Ok();
    if (after == 0) {
      TRYV(CheckBeginning(page));
    }
    TRYV(TakePage(page, after, progress.records, sink));
    progress.Show();
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
