#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/cmek/cmek_wire.h"
#include "api/customer_keys/customer_keys_wire.h"
#include "cli/cmek_keys.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/files.h"
#include "cli/http_client.h"
#include "cli/output.h"
#include "cli/progress.h"
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
  std::string token;
  std::string key;
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

// Until it is completed or has failed. Returns it as it is then.
Result<Json> Watch(ApiClient& api, const std::string& vault_id, Json json) {
  Progress progress;
  for (;;) {
    TRY(const auto rotation, api::DecodeCmekRotation(json));
    progress.Draw(rotation.processed, rotation.total, TextOf(json, "status"),
                  rotation.status == CmekRotationStatus::kCompleted);
    if (rotation.status != CmekRotationStatus::kRunning) return json;
    std::this_thread::sleep_for(kPause);
    TRY(json, api.Get(VaultTarget(vault_id) + "/cmek-rotate/" + rotation.id.ToString()));
  }
}

// Prints one rotation, at its end if so wanted.
Result<int> Tell(const Context& context, ApiClient& api, const std::string& vault_id, Json json, bool watch) {
  if (watch) {
    TRY(json, Watch(api, vault_id, std::move(json)));
  }
  TRY(const auto rotation, api::DecodeCmekRotation(json));
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

// Keys on a token of the organisation's own.

std::string BoundTarget(const std::string& vault_id) { return VaultTarget(vault_id) + "/customer-key"; }

void PrintBound(const Context& context, const Json& status) {
  if (context.json()) return PrintJson(status);
  const bool usable = TextOf(status, "usable") == "true";
  PrintFields({{"vault", TextOf(status, "vault_id")},
               {"token", TextOf(status, "token")},
               {"key", TextOf(status, "key")},
               {"state", TextOf(status, "state")},
               {"usable", usable ? "yes" : "no: " + TextOf(status, "reason")},
               {"since", TextOf(status, "bound_at")},
               {"rotation", TextOf(status, "rotation_id")},
               {"rotation state", TextOf(status, "rotation_state")}});
}

// Until no rotation of the vault is under way. A vault without a key has none.
Result<int> AwaitMove(const Context& context, ApiClient& api, const std::string& vault_id) {
  for (;; std::this_thread::sleep_for(kPause)) {
    const auto status = api.Get(BoundTarget(vault_id));
    if (!status && status.error().kind == ErrorKind::kNotFound) {
      if (context.json()) PrintJson({{"vault_id", vault_id}, {"state", "released"}});
      Notice("The vault is under no key of the customer's token");
      return kExitOk;
    }
    TRYV(status);
    const std::string state = TextOf(status.value(), "rotation_state");
    if (state == "pending" || state == "running") continue;
    PrintBound(context, status.value());
    return state.empty() ? kExitOk : kExitFailed;
  }
}

Result<int> TellMove(const Context& context, ApiClient& api, const std::string& vault_id,
                     const Json& rotation, bool watch) {
  if (watch) return AwaitMove(context, api, vault_id);
  if (context.json()) {
    PrintJson(rotation);
  } else {
    PrintFields({{"rotation", TextOf(rotation, "id")}, {"state", TextOf(rotation, "state")}});
  }
  return kExitOk;
}

Result<int> Bind(const Context& context, const CmekCommandOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const auto vault_id, FindVaultId(api, options.vault));
  const Json body = api::EncodeBindCustomerKey({options.token, options.key});
  TRY(const Json rotation, api.PutText(BoundTarget(vault_id), api::DumpJson(body)));
  return TellMove(context, api, vault_id, rotation, options.watch);
}

Result<int> Release(const Context& context, const CmekCommandOptions& options) {
  if (!options.yes) {
    auto sure = Confirm("Let " + Printable(options.vault) + " be opened without the customer's token?");
    if (!sure) return UsageError("Releasing needs a confirmation: answer on a terminal, or give --yes");
    if (!sure.value()) {
      Notice("Nothing was changed");
      return kExitFailed;
    }
  }
  TRY(ApiClient api, context.LoggedIn());
  TRY(const auto vault_id, FindVaultId(api, options.vault));
  TRY(const Json rotation, api.DeleteForAnswer(BoundTarget(vault_id)));
  return TellMove(context, api, vault_id, rotation, options.watch);
}

Result<int> ShowBound(const Context& context, const CmekCommandOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const auto vault_id, FindVaultId(api, options.vault));
  TRY(const Json status, api.Get(BoundTarget(vault_id)));
  PrintBound(context, status);
  return kExitOk;
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
  auto* group = app.add_subcommand("cmek", "Keep values under a key of your own, in a file or in your HSM");
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

  auto* bind = group->add_subcommand("bind", "Bind a vault to a key on a token of your organisation's own");
  add_vault(bind);
  bind->add_option("--token", options->token, "Label of the token")->required();
  bind->add_option("--key", options->key, "Label of the AES key on it")->required();
  add_watch(bind);
  Choose(bind, chosen, options, Bind);

  auto* release = group->add_subcommand("release", "Let a vault be opened without that token again");
  add_vault(release);
  release->add_flag("--yes", options->yes, "Do not ask");
  add_watch(release);
  Choose(release, chosen, options, Release);

  auto* bound = group->add_subcommand("bound", "Show to which key on a token a vault is bound");
  add_vault(bound);
  Choose(bound, chosen, options, ShowBound);
}

}  // namespace claviger::cli
