#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/api_keys/api_keys_wire.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/expiry_options.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace claviger::cli {
namespace {

constexpr char kTarget[] = "/v1/auth/api-keys";

struct ApiKeyOptions {
  std::string key;  // name or id
  std::vector<std::string> scopes;
  ExpiryOptions expiry;
  bool yes = false;
};

Result<int> Create(const Context& context, const ApiKeyOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json answer,
      api.Post(kTarget, api::EncodeCreateApiKey({options.key, options.scopes, options.expiry.Moment()})));
  if (context.json()) {
    PrintJson(answer);
  } else {
    std::printf("%s\n", Printable(TextOf(answer, "api_key")).c_str());
    Notice("This is the key " + options.key + ". It is not shown again.");
  }
  api::WipeStrings(answer);
  return kExitOk;
}

std::string StateOf(const Json& key) {
  if (TextOf(key, "is_active") != "true") return "revoked";
  const auto expires_at = ParseTime(TextOf(key, "expires_at"));
  return expires_at && *expires_at <= SystemClock().Now() ? "expired" : "active";
}

Result<int> List(const Context& context, const ApiKeyOptions&) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json answer, api.GetList(kTarget, "keys"));
  if (context.json()) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json keys, ListOf(std::move(answer), "keys"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& key : keys) {
    rows.push_back({TextOf(key, "name"), TextOf(key, "id"), TextOf(key, "key_prefix"), StateOf(key),
                    TextOf(key, "expires_at"), TextOf(key, "last_used_at")});
  }
  PrintTable({"NAME", "ID", "BEGINS", "STATE", "EXPIRES", "LAST USED"}, rows);
  return kExitOk;
}

// By id, or by a name that one key alone has among those that are not revoked.
Result<Json> FindKey(ApiClient& api, const std::string& name_or_id) {
  TRY(Json answer, api.GetList(kTarget, "keys"));
  TRY(const Json keys, ListOf(std::move(answer), "keys"));
  std::vector<Json> named;
  for (const Json& key : keys) {
    if (TextOf(key, "id") == name_or_id) return key;
    if (TextOf(key, "name") == name_or_id && TextOf(key, "is_active") == "true") named.push_back(key);
  }
  if (named.empty()) return NotFound("You have no API key of this name or id");
  if (named.size() > 1) return Conflict("Several API keys have this name; give the id");
  return named.front();
}

Result<int> Revoke(const Context& context, const ApiKeyOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json key, FindKey(api, options.key));
  const std::string what = TextOf(key, "name") + " (" + TextOf(key, "key_prefix") + "...)";
  if (!options.yes) {
    auto sure = Confirm("Revoke the API key " + Printable(what) + " for good?");
    if (!sure) return UsageError("Revoking needs a confirmation: answer on a terminal, or give --yes");
    if (!sure.value()) {
      Notice("Nothing was revoked");
      return kExitFailed;
    }
  }
  TRYV(api.Delete(std::string(kTarget) + "/" + TextOf(key, "id")));
  if (context.json()) PrintJson({{"revoked", TextOf(key, "id")}});
  Notice("Revoked the API key " + Printable(what));
  return kExitOk;
}

}  // namespace

void AddApiKey(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("api-key", "Create, list and revoke keys of your own for programs");
  group->require_subcommand(1);
  auto options = std::make_shared<ApiKeyOptions>();

  auto* create = group->add_subcommand("create", "Create a key and print it, this once");
  create->add_option("name", options->key, "What it is for")->required();
  create->add_option("--scope", options->scopes, "A label to keep with it; may be repeated")
      ->allow_extra_args(false);
  AddExpiryOptions(*create, options->expiry, "When the key ends (default never)");
  Choose(create, chosen, options, Create);

  Choose(group->add_subcommand("list", "List your keys"), chosen, options, List);

  auto* revoke = group->add_subcommand("revoke", "Make a key useless, and what was logged in with it");
  revoke->add_option("key", options->key, "Name or id")->required();
  revoke->add_flag("--yes", options->yes, "Do not ask");
  Choose(revoke, chosen, options, Revoke);
}

}  // namespace claviger::cli
