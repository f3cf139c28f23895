#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/agents/agents_wire.h"
#include "cli/agent_name.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/expiry_options.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/vault_name.h"

namespace claviger::cli {
namespace {

constexpr char kTarget[] = "/v1/agents";
constexpr char kEnrollTarget[] = "/v1/agents/enroll";

struct AgentOptions {
  std::string agent;  // name or id
  std::string name;
  std::string email;
  std::string description;
  std::vector<std::string> scopes;
  std::vector<std::string> vaults;  // names or ids
  int64_t token_ttl = 0;
  ExpiryOptions expiry;
  api::AgentIdentity identity;
  std::string fingerprint;
  std::string issuer;
  std::string client_id;
  bool any_vault = false;
  bool activate = false;
  bool yes = false;
};

std::string JoinedStrings(const Json& agent, const char* name) {
  const auto found = agent.find(name);
  std::string joined;
  if (found == agent.end() || !found->is_array()) return joined;
  for (const Json& item : *found) {
    if (item.is_string()) joined += (joined.empty() ? "" : " ") + item.get<std::string>();
  }
  return joined;
}

const char* StateOf(const Json& agent) {
  if (TextOf(agent, "is_active") != "true") return "deactivated";
  const auto expires_at = ParseTime(TextOf(agent, "expires_at"));
  return expires_at && *expires_at <= SystemClock().Now() ? "expired" : "active";
}

void PrintAgent(const Context& context, const Json& agent) {
  if (context.json()) return PrintJson(agent);
  PrintFields({{"name", TextOf(agent, "name")},
               {"id", TextOf(agent, "id")},
               {"state", StateOf(agent)},
               {"description", TextOf(agent, "description")},
               {"proves itself by", TextOf(agent, "auth_method")},
               {"bound to vaults", JoinedStrings(agent, "vault_ids")},
               {"scopes", JoinedStrings(agent, "scopes")},
               {"token seconds", TextOf(agent, "token_ttl_seconds")},
               {"expires", TextOf(agent, "expires_at")},
               {"last active", TextOf(agent, "last_active_at")},
               {"created", TextOf(agent, "created_at")},
               {"ssh public key", TextOf(agent, "ssh_public_key")},
               {"ecdh public key", TextOf(agent, "ecdh_public_key")}});
}

// The key on stdout and nothing else there, or the whole answer as JSON.
void PrintKey(const Context& context, Json answer) {
  const std::string name = TextOf(answer["agent"], "name");
  const std::string key = TextOf(answer, "api_key");
  if (context.json()) {
    PrintJson(answer);
  } else if (key.empty()) {
    PrintAgent(context, answer["agent"]);
  } else {
    std::printf("%s\n", Printable(key).c_str());
    Notice("This is the key of the agent " + Printable(name) + " (" + TextOf(answer["agent"], "id") +
           "). It is not shown again.");
  }
  api::WipeStrings(answer);
}

Result<std::vector<VaultId>> FindVaults(ApiClient& api, const std::vector<std::string>& names) {
  std::vector<VaultId> vaults;
  for (const auto& name : names) {
    TRY(const std::string id, FindVaultId(api, name));
    const auto parsed = VaultId::Parse(id);
    if (!parsed) return MakeError(ErrorKind::kInternal, "The server named a vault without an id");
    vaults.push_back(*parsed);
  }
  return vaults;
}

Result<int> Create(const Context& context, const AgentOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  api::CreateAgentRequest request;
  request.settings.name = options.name;
  request.settings.description = options.description;
  request.settings.scopes = options.scopes;
  TRY(request.settings.vault_ids, FindVaults(api, options.vaults));
  if (options.token_ttl != 0) request.settings.token_ttl_seconds = options.token_ttl;
  request.settings.expires_at = options.expiry.Moment();
  request.identity = options.identity;
  if (!options.fingerprint.empty()) request.identity.client_cert_fingerprint = options.fingerprint;
  if (!options.issuer.empty()) request.identity.oidc_issuer = options.issuer;
  if (!options.client_id.empty()) request.identity.oidc_client_id = options.client_id;
  TRY(Json answer, api.Post(kTarget, api::EncodeCreateAgent(request)));
  PrintKey(context, std::move(answer));
  return kExitOk;
}

Result<int> List(const Context& context, const AgentOptions&) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json answer, api.GetList(kTarget, "agents"));
  if (context.json()) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json agents, ListOf(std::move(answer), "agents"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& agent : agents) {
    rows.push_back({TextOf(agent, "name"), TextOf(agent, "id"), StateOf(agent), TextOf(agent, "auth_method"),
                    TextOf(agent, "last_active_at")});
  }
  PrintTable({"NAME", "ID", "STATE", "PROOF", "LAST ACTIVE"}, rows);
  return kExitOk;
}

Result<int> Show(const Context& context, const AgentOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json agent, FindAgent(api, options.agent));
  PrintAgent(context, agent);
  return kExitOk;
}

Result<int> Update(const Context& context, const AgentOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json agent, FindAgent(api, options.agent));
  Json changes = Json::object();
  if (!options.name.empty()) changes["name"] = options.name;
  if (!options.description.empty()) changes["description"] = options.description;
  if (!options.scopes.empty()) changes["scopes"] = options.scopes;
  if (options.any_vault) changes["vault_ids"] = Json::array();
  TRY(const auto vaults, FindVaults(api, options.vaults));
  for (const auto& vault : vaults) changes["vault_ids"].push_back(vault.ToString());
  if (options.token_ttl != 0) changes["token_ttl_seconds"] = options.token_ttl;
  if (const auto moment = options.expiry.Moment()) changes["expires_at"] = FormatTime(*moment);
  if (options.activate) changes["is_active"] = true;
  if (changes.empty()) return UsageError("Nothing to change; see 'claviger agent update --help'");
  TRY(const Json changed, api.Patch(AgentTarget(TextOf(agent, "id")), changes));
  PrintAgent(context, changed);
  return kExitOk;
}

// False, and said so, if the person does not want it.
Result<bool> Sure(const AgentOptions& options, const std::string& question) {
  if (options.yes) return true;
  auto sure = Confirm(question);
  if (!sure) return Invalid("This needs a confirmation: answer on a terminal, or give --yes");
  if (!sure.value()) Notice("Nothing was changed");
  return sure.value();
}

Result<int> Deactivate(const Context& context, const AgentOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json agent, FindAgent(api, options.agent));
  const std::string name = Printable(TextOf(agent, "name"));
  TRY(const bool sure, Sure(options, "Deactivate the agent " + name + "?"));
  if (!sure) return kExitFailed;
  TRYV(api.Delete(AgentTarget(TextOf(agent, "id"))));
  if (context.json()) PrintJson({{"deactivated", TextOf(agent, "id")}});
  Notice("Deactivated the agent " + name);
  return kExitOk;
}

Result<int> RotateKey(const Context& context, const AgentOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(const Json agent, FindAgent(api, options.agent));
  const std::string name = Printable(TextOf(agent, "name"));
  TRY(const bool sure, Sure(options, "Replace the key of the agent " + name + "? The old one dies at once."));
  if (!sure) return kExitFailed;
  TRY(Json answer, api.Post(AgentTarget(TextOf(agent, "id")) + "/rotate-key", Json::object()));
  PrintKey(context, std::move(answer));
  return kExitOk;
}

// The key comes as CLAVIGER_API_KEY: it is no argument that others could see.
Result<int> Token(const Context& context, const AgentOptions&) {
  TRY(ApiClient api, context.Anonymous());
  Json body = {{"api_key", Environment("CLAVIGER_API_KEY")}};
  if (TextOf(body, "api_key").empty()) return UsageError("Set CLAVIGER_API_KEY to the key of the agent");
  auto answer = api.Post("/v1/auth/agent-token", body);
  api::WipeStrings(body);
  if (!answer) return answer.error();
  if (context.json()) {
    PrintJson(answer.value());
  } else {
    std::printf("%s\n", Printable(TextOf(answer.value(), "access_token")).c_str());
  }
  api::WipeStrings(answer.value());
  return kExitOk;
}

// Whether the address is anybody's is not told.
Result<int> Enroll(const Context& context, const AgentOptions& options) {
  TRY(ApiClient api, context.Anonymous());
  TRY(const Json answer,
      api.Post(kEnrollTarget, api::EncodeEnrollAgent({options.name, options.email, options.description})));
  if (context.json()) {
    PrintJson(answer);
  } else {
    Notice(Printable(TextOf(answer, "message")));
  }
  return kExitOk;
}

void AddSettings(CLI::App& command, AgentOptions& options) {
  command.add_option("--description", options.description, "What it is for");
  command.add_option("--scope", options.scopes, "A path glob or label; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--token-ttl", options.token_ttl, "Seconds a token lives at most (900 at the very most)")
      ->check(CLI::Range(api::kMinTokenTtlSeconds, api::kMaxTokenTtlSeconds));
  AddExpiryOptions(command, options.expiry, "When the agent ends");
}

void AddWhich(CLI::App& command, AgentOptions& options) {
  command.add_option("agent", options.agent, "Name or id")->required();
}

void AddCreate(CLI::App& group, Action& chosen, const std::shared_ptr<AgentOptions>& options) {
  auto* create = group.add_subcommand("create", "Create an agent and print its key, this once");
  create->add_option("name", options->name, "Its name")->required();
  AddSettings(*create, *options);
  create->add_option("--vault", options->vaults, "Bind it to this vault, by name or id; may be repeated")
      ->allow_extra_args(false);
  create->add_option("--auth-method", options->identity.auth_method, "How it proves itself (default api_key)")
      ->check(CLI::IsMember(
          std::vector<std::string>(api::kAgentAuthMethods.begin(), api::kAgentAuthMethods.end())));
  create->add_option("--client-cert-fingerprint", options->fingerprint,
                     "With mtls: SHA-256 of its certificate");
  create->add_option("--oidc-issuer", options->issuer, "With oidc_client_credentials: who vouches for it");
  create->add_option("--oidc-client-id", options->client_id, "With oidc_client_credentials: its name there");
  Choose(create, chosen, options, Create);
}

void AddEnroll(CLI::App& group, Action& chosen, const std::shared_ptr<AgentOptions>& options) {
  auto* enroll = group.add_subcommand("enroll", "Ask for an agent whose key a person gets by mail");
  enroll->add_option("--email", options->email, "The person's address")->required();
  enroll->add_option("--name", options->name, "Its name")->required();
  enroll->add_option("--description", options->description, "What it is for");
  Choose(enroll, chosen, options, Enroll);
}

void AddUpdate(CLI::App& group, Action& chosen, const std::shared_ptr<AgentOptions>& options) {
  auto* update = group.add_subcommand("update", "Change an agent; what is not given stays");
  AddWhich(*update, *options);
  update->add_option("--name", options->name, "Another name");
  AddSettings(*update, *options);
  auto* vaults =
      update->add_option("--vault", options->vaults, "Bind it to this vault, by name or id; may be repeated")
          ->allow_extra_args(false);
  update->add_flag("--any-vault", options->any_vault, "Bind it to no vault any more")->excludes(vaults);
  update->add_flag("--activate", options->activate, "Undo a deactivation");
  Choose(update, chosen, options, Update);
}

}  // namespace

void AddAgent(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("agent", "Create, list, change and deactivate agents");
  group->require_subcommand(1);
  auto options = std::make_shared<AgentOptions>();
  AddCreate(*group, chosen, options);
  AddEnroll(*group, chosen, options);
  Choose(group->add_subcommand("list", "List the agents of the organisation"), chosen, options, List);

  auto* show = group->add_subcommand("show", "Show one agent");
  AddWhich(*show, *options);
  Choose(show, chosen, options, Show);
  AddUpdate(*group, chosen, options);

  auto* deactivate = group->add_subcommand("deactivate", "Make an agent's key and tokens useless");
  AddWhich(*deactivate, *options);
  deactivate->add_flag("--yes", options->yes, "Do not ask");
  Choose(deactivate, chosen, options, Deactivate);

  auto* rotate = group->add_subcommand("rotate-key", "Give an agent another key and print it, this once");
  AddWhich(*rotate, *options);
  rotate->add_flag("--yes", options->yes, "Do not ask");
  Choose(rotate, chosen, options, RotateKey);

  Choose(group->add_subcommand("token", "Exchange the key in CLAVIGER_API_KEY for an access token"), chosen,
         options, Token);
}

}  // namespace claviger::cli
