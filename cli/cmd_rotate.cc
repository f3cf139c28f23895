#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/rotations/rotations_wire.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/http_client.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/vault_name.h"

namespace claviger::cli {
namespace {

using api::Rotation;
using api::RotationState;

constexpr std::chrono::milliseconds kPause{1000};

struct RotateOptions {
  std::string name;  // of a vault, or the id of a rotation
  bool watch = false;
};

std::string RotationTarget(const std::string& id) { return "/v1/rotations/" + EscapeSegment(id); }

// Versions that were on their way when the new key was made come on top of those that were counted.
int64_t TotalOf(const Rotation& rotation) { return std::max(rotation.total, rotation.resealed); }

std::string Explain(const Rotation& rotation) {
  const auto moved =
      fmt::format("{} of {} data keys lie under the new key", rotation.resealed, TotalOf(rotation));
  switch (rotation.state) {
    case RotationState::kPending:
      return rotation.key_version ? "waits for a server to go on; " + moved : "waits for a server to begin";
    case RotationState::kRunning:
      return rotation.key_version ? moved : "a new key is being made";
    case RotationState::kPaused:
      return "paused until 'claviger rotate resume'; " + moved;
    case RotationState::kFailed:
      return moved + "; none is lost, the older keys are still there";
    case RotationState::kDone:
      return "every data key lies under the new key; the older keys are gone";
  }
  return "";
}

void PrintRotation(const Context& context, const Json& json, const Rotation& rotation) {
  if (context.json()) return PrintJson(json);
  PrintFields({{"id", TextOf(json, "id")},
               {"vault", TextOf(json, "vault_id")},
               {"state", TextOf(json, "state")},
               {"key", TextOf(json, "key_version")},
               {"moved", fmt::format("{} of {}", rotation.resealed, TotalOf(rotation))},
               {"meaning", Explain(rotation)},
               {"error", rotation.error},
               {"requested by", TextOf(json, "requested_by")},
               {"created", TextOf(json, "created_at")},
               {"started", TextOf(json, "started_at")},
               {"finished", TextOf(json, "finished_at")}});
}

bool HasEnded(RotationState state) {
  return state != RotationState::kPending && state != RotationState::kRunning;
}

// Until it is done, paused or failed. Returns it as it is then.
Result<Json> Watch(ApiClient& api, Json json) {
  Progress progress;
  for (;;) {
    TRY(const auto rotation, api::DecodeRotation(json));
    progress.Draw(rotation.resealed, TotalOf(rotation), Name(rotation.state),
                  rotation.state == RotationState::kDone);
    if (HasEnded(rotation.state)) return json;
    std::this_thread::sleep_for(kPause);
    TRY(json, api.Get(RotationTarget(rotation.id.ToString())));
  }
}

Result<int> Tell(const Context& context, ApiClient& api, Json json, bool watch) {
  if (watch) {
    TRY(json, Watch(api, std::move(json)));
  }
  TRY(const auto rotation, api::DecodeRotation(json));
  PrintRotation(context, json, rotation);
  return watch && rotation.state != RotationState::kDone ? kExitFailed : kExitOk;
}

Result<int> Vault(const Context& context, const RotateOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const auto vault, FindVaultId(api, options.name));
  TRY(Json rotation, api.Post(VaultTarget(vault) + "/rotations", Json::object()));
  return Tell(context, api, std::move(rotation), options.watch);
}

Result<int> List(const Context& context, const RotateOptions&) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json answer, api.GetList("/v1/rotations", "rotations"));
  if (context.json()) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json rotations, ListOf(std::move(answer), "rotations"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& json : rotations) {
    TRY(const auto rotation, api::DecodeRotation(json));
    rows.push_back({TextOf(json, "id"), TextOf(json, "vault_id"), TextOf(json, "state"),
                    fmt::format("{}/{}", rotation.resealed, TotalOf(rotation)), TextOf(json, "key_version"),
                    TextOf(json, "created_at")});
  }
  PrintTable({"ID", "VAULT", "STATE", "MOVED", "KEY", "CREATED"}, rows);
  return kExitOk;
}

Result<int> Show(const Context& context, const RotateOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json rotation, api.Get(RotationTarget(options.name)));
  return Tell(context, api, std::move(rotation), options.watch);
}

Result<int> Pause(const Context& context, const RotateOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json rotation, api.Post(RotationTarget(options.name) + "/pause", Json::object()));
  return Tell(context, api, std::move(rotation), false);
}

Result<int> Resume(const Context& context, const RotateOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json rotation, api.Post(RotationTarget(options.name) + "/resume", Json::object()));
  return Tell(context, api, std::move(rotation), options.watch);
}

}  // namespace

void AddRotate(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("rotate", "Give a vault a new key, and see how far that is");
  group->require_subcommand(1);
  auto options = std::make_shared<RotateOptions>();
  const auto add_id = [&](CLI::App* command) {
    command->add_option("id", options->name, "Its id")->required();
  };
  const auto add_watch = [&](CLI::App* command) {
    command->add_flag("--watch", options->watch, "Wait until it is done");
  };

  auto* vault = group->add_subcommand("vault", "Begin to give a vault a new key");
  vault->add_option("vault", options->name, "Name or id")->required();
  add_watch(vault);
  Choose(vault, chosen, options, Vault);

  auto* list = group->add_subcommand("list", "List the rotations of the organisation's vaults");
  Choose(list, chosen, options, List);

  auto* show = group->add_subcommand("show", "Show one rotation");
  add_id(show);
  add_watch(show);
  Choose(show, chosen, options, Show);

  auto* pause = group->add_subcommand("pause", "Pause a rotation");
  add_id(pause);
  Choose(pause, chosen, options, Pause);

  auto* resume = group->add_subcommand("resume", "Go on with a paused or failed rotation");
  add_id(resume);
  add_watch(resume);
  Choose(resume, chosen, options, Resume);
}

}  // namespace claviger::cli
