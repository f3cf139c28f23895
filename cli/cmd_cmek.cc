#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/cmek/cmek_wire.h"
#include "cli/cmek_keys.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/files.h"
#include "cli/http_client.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/vault_name.h"
#include "crypto/random.h"

namespace claviger::cli {
namespace {

using api::CmekRotation;
using api::CmekRotationStatus;

constexpr std::chrono::milliseconds kPause{1000};

struct CmekCommandOptions {
  std::string vault;  // name or id
  std::string file;
  std::string key_file;
  std::string fingerprint;
  std::string old_key_file;
  std::string new_key_file;
  std::string rotation;
  bool watch = false;
  bool yes = false;
};

// A key that is overwritten takes every value under it along.
Status WriteNewFile(const std::string& path, const SecretBytes& line) {
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return MakeError(ErrorKind::kConflict, "Cannot create " + path + ": " + ErrnoText());
  TRYV(WriteAll(fd.get(), line.View(), path));
  if (fsync(fd.get()) != 0)
    return MakeError(ErrorKind::kInternal, "Cannot write " + path + ": " + ErrnoText());
  return Ok();
}

Result<int> Keygen(const Context& context, const CmekCommandOptions& options) {
  crypto::SystemRandom random;
  const auto key = crypto::CmekKey::Generate(random);
  const SecretBytes text = key.Text();
  SecretBytes line(text.size() + 1);
  std::copy(text.View().begin(), text.View().end(), line.data());
  line.data()[text.size()] = '\n';
  const std::string fingerprint = HexEncode(key.Fingerprint());
  if (options.file == "-") {
    TRYV(WriteAll(STDOUT_FILENO, line.View(), "standard output"));
    Notice("Its fingerprint is " + fingerprint);
    return kExitOk;
  }
  TRYV(WriteNewFile(options.file, line));
  if (context.json()) {
    PrintJson({{"file", options.file}, {"fingerprint", fingerprint}});
  } else {
    PrintFields({{"file", options.file}, {"fingerprint", fingerprint}});
  }
  Notice("Keep a copy of this key in a safe place: without it nobody opens what is sealed with it");
  return kExitOk;
}

void PrintState(const Context& context, const Json& vault) {
  if (context.json()) return PrintJson(vault);
  const bool enabled = TextOf(vault, "cmek_enabled") == "true";
  PrintFields({{"vault", TextOf(vault, "name")},
               {"id", TextOf(vault, "id")},
               {"customer key", enabled ? "enabled" : "none"},
               {"fingerprint", TextOf(vault, "cmek_fingerprint")}});
}

Result<crypto::Digest> FingerprintOf(const CmekCommandOptions& options) {
  if (!options.fingerprint.empty()) {
    const auto fingerprint = crypto::ParseFingerprint(options.fingerprint);
    if (!fingerprint) return Invalid("A fingerprint is 64 hexadecimal digits");
    return *fingerprint;
  }
  TRY(const auto key, ReadCmekKey(options.key_file));
  return key.Fingerprint();
}

Result<int> Enable(const Context& context, const CmekCommandOptions& options) {
  TRY(const auto fingerprint, FingerprintOf(options));
  TRY(ApiClient api, context.LoggedIn());
  TRY(const auto vault_id, FindVaultId(api, options.vault));
  TRY(const Json vault, api.Post(VaultTarget(vault_id) + "/cmek", api::EncodeEnableCmek(fingerprint)));
  PrintState(context, vault);
  return kExitOk;
}

Result<int> Disable(const Context& context, const CmekCommandOptions& options) {
  if (!options.yes) {
    auto sure = Confirm("Let values be written to " + Printable(options.vault) +
                        " that are not sealed under a customer-managed key?");
    if (!sure) return UsageError("Disabling needs a confirmation: answer on a terminal, or give --yes");
    if (!sure.value()) {
      Notice("Nothing was changed");
      return kExitFailed;
    }
  }
  TRY(ApiClient api, context.LoggedIn());
  TRY(const auto vault_id, FindVaultId(api, options.vault));
  TRY(const Json vault, api.DeleteForAnswer(VaultTarget(vault_id) + "/cmek"));
  PrintState(context, vault);
  Notice("What is sealed under the key needs it as before: keep it");
  return kExitOk;
}

std::string Explain(const CmekRotation& rotation) {
  switch (rotation.status) {
    case CmekRotationStatus::kRunning:
      return fmt::format("{} of {} values are sealed under the new key", rotation.processed, rotation.total);
    case CmekRotationStatus::kCompleted:
      return "every value that can be read is sealed under the new key";
    case CmekRotationStatus::kFailed:
      return fmt::format(
          "{} of {} values are sealed under the new key, the others under the old one; keep both",
          rotation.processed, rotation.total);
  }
  return "";
}

// Prints one rotation, at its end if so wanted.
Result<int> Tell(const Context& context, ApiClient& api, const std::string& vault_id, Json json, bool watch) {
  TRY(CmekRotation rotation, api::DecodeCmekRotation(json));
  const std::string target = VaultTarget(vault_id) + "/cmek-rotate/" + rotation.id.ToString();
  while (watch && rotation.status == CmekRotationStatus::kRunning) {
    std::this_thread::sleep_for(kPause);
    TRY(json, api.Get(target));
    TRY(rotation, api::DecodeCmekRotation(json));
  }
  if (context.json()) {
    PrintJson(json);
  } else {
    PrintFields({{"rotation", rotation.id.ToString()},
                 {"status", TextOf(json, "status")},
                 {"meaning", Explain(rotation)},
                 {"error", rotation.error},
                 {"old key", TextOf(json, "old_fingerprint")},
                 {"new key", TextOf(json, "new_fingerprint")},
                 {"started", TextOf(json, "started_at")},
                 {"completed", TextOf(json, "completed_at")}});
  }
  return watch && rotation.status != CmekRotationStatus::kCompleted ? kExitFailed : kExitOk;
}

Result<int> Rotate(const Context& context, const CmekCommandOptions& options) {
  TRY(const auto old_key, ReadCmekKey(options.old_key_file));
  TRY(const auto new_key, ReadCmekKey(options.new_key_file));
  const SecretBytes old_text = old_key.Text();
  const SecretBytes new_text = new_key.Text();
  TRY(ApiClient api, context.LoggedIn());
  TRY(const auto vault_id, FindVaultId(api, options.vault));
  TRY(Json rotation,
      api.Post(VaultTarget(vault_id) + "/cmek-rotate", api::EncodeRotateCmek(new_key.Fingerprint()),
               {{api::kCmekOldKeyHeader, old_text.Text()}, {api::kCmekNewKeyHeader, new_text.Text()}}));
  return Tell(context, api, vault_id, std::move(rotation), options.watch);
}

Result<int> ShowStatus(const Context& context, const CmekCommandOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  if (options.rotation.empty()) {
    TRY(const Json vault, FindVault(api, options.vault));
    PrintState(context, vault);
    return kExitOk;
  }
  TRY(const auto vault_id, FindVaultId(api, options.vault));
  TRY(Json rotation, api.Get(VaultTarget(vault_id) + "/cmek-rotate/" + EscapeSegment(options.rotation)));
  return Tell(context, api, vault_id, std::move(rotation), options.watch);
}

}  // namespace

void AddCmek(CLI::App& app, Action& chosen) {
  auto* group =
      app.add_subcommand("cmek", "Seal values under a key of your own before they leave this machine");
  group->require_subcommand(1);
  auto options = std::make_shared<CmekCommandOptions>();
  const auto add_vault = [&](CLI::App* command) {
    command->add_option("vault", options->vault, "Name or id")->required();
  };
  const auto add_watch = [&](CLI::App* command) {
    command->add_flag("--watch", options->watch, "Wait until the rotation is over");
  };

  auto* keygen = group->add_subcommand("keygen", "Make a new key");
  keygen->add_option("file", options->file, "The file to make, mode 0600, or \"-\" for standard output")
      ->required();
  Choose(keygen, chosen, options, Keygen);

  auto* enable = group->add_subcommand("enable", "Have all that is written to a vault sealed under a key");
  add_vault(enable);
  auto* by = enable->add_option_group("key")->require_option(1);
  by->add_option("--key-file", options->key_file, "The key, \"-\" for standard input; it is not sent");
  by->add_option("--fingerprint", options->fingerprint, "Or its fingerprint alone");
  Choose(enable, chosen, options, Enable);

  auto* disable = group->add_subcommand("disable", "Let values be written to a vault that are not sealed");
  add_vault(disable);
  disable->add_flag("--yes", options->yes, "Do not ask");
  Choose(disable, chosen, options, Disable);

  auto* rotate = group->add_subcommand("rotate", "Exchange the key of a vault, with the help of the server");
  add_vault(rotate);
  rotate->add_option("--old-key-file", options->old_key_file, "The key that the vault has")->required();
  rotate->add_option("--new-key-file", options->new_key_file, "The key that it gets")->required();
  add_watch(rotate);
  Choose(rotate, chosen, options, Rotate);

  auto* status = group->add_subcommand("status", "Show which key a vault has, or how a rotation goes");
  add_vault(status);
  status->add_option("rotation", options->rotation, "Its id");
  add_watch(status);
  Choose(status, chosen, options, ShowStatus);
}

}  // namespace claviger::cli
