#pragma once
// `claviger audit`: one file each for its subcommands.

#include "cli/command.h"

namespace claviger::cli {

void AddAuditList(CLI::App& group, Action& chosen);
void AddAuditExport(CLI::App& group, Action& chosen);
void AddAuditBundle(CLI::App& group, Action& chosen);
void AddAuditVerify(CLI::App& group, Action& chosen);
void AddAuditKey(CLI::App& group, Action& chosen);

}  // namespace claviger::cli
