#include "cli/cmd_audit.h"

#include <CLI/CLI.hpp>

namespace claviger::cli {

void AddAudit(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("audit", "Read the audit log, export it and verify what was exported");
  group->require_subcommand(1);
  AddAuditList(*group, chosen);
  AddAuditExport(*group, chosen);
  AddAuditBundle(*group, chosen);
  AddAuditVerify(*group, chosen);
  AddAuditKey(*group, chosen);
}

}  // namespace claviger::cli
