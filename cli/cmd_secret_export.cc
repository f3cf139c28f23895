// secret export: many secrets as one text, for programs that read such files.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/cmd_secret.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/export_format.h"
#include "cli/named_secrets.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

struct ExportOptions : NamedSecrets {
  std::string format;
  std::string file;
};

Result<std::vector<NamedValue>> Collect(const Context& context, const ExportOptions& options) {
  std::vector<NamedValue> values;
  size_t size = 0;
  TRYV(ForEachNamedSecret(context, options, [&](const std::string& name, const SecretBytes& value) -> Status {
    size += value.size();
    if (size > kMaxExportBytes) {
      return MakeError(ErrorKind::kTooLarge, "The secrets are longer than 64 MiB together; export fewer");
    }
    values.push_back({name, value.Clone()});
    return Ok();
  }));
  return values;
}

Result<int> RunExport(const Context& context, const ExportOptions& options) {
  const std::string usual = context.json() ? "json" : "dotenv";
  const auto format = ParseExportFormat(options.format.empty() ? usual : options.format);
  if (!format) return UsageError("--format must be dotenv, shell, json or docker");
  TRY(const auto values, Collect(context, options));
  TRY(const SecretBytes text, Export(*format, values));
  if (*format == ExportFormat::kDotenv) {
    for (const auto& [name, value] : values) {
      if (IsReadAlike(value)) continue;
      Notice(
          "The value of " + name +
          " has a quote, a backslash or a carriage return: shells read it as it is, other readers of dotenv "
          "files may misread it and what follows");
    }
  }
  TRYV(WriteSecret(options.file, text));
  return kExitOk;
}

}  // namespace

void AddSecretExport(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<ExportOptions>();
  auto* command =
      group.add_subcommand("export", "Print many secrets as one dotenv, shell, JSON or Docker file");
  command->add_option("vault", options->vault, "Name or id of the vault")->required();
  command->add_option("--format", options->format, "dotenv (the default), shell, json or docker")
      ->check(CLI::IsMember({"dotenv", "shell", "json", "docker"}));
  AddNamedSecrets(*command, *options);
  command->add_option("--file", options->file, "Write to this file, mode 0600, instead of standard output");
  Choose(command, chosen, options, RunExport);
}

}  // namespace claviger::cli
