// share create, list, revoke, accept and decline; open has a file of its own.

#include "cli/cmd_share.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/shares/shares_wire.h"
#include "cli/agent_name.h"
#include "cli/cmd_secret.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/expiry_options.h"
#include "cli/output.h"
#include "cli/passphrase_input.h"
#include "cli/terminal.h"
#include "cli/vault_name.h"

namespace claviger::cli {
namespace {

using api::RecipientType;

constexpr std::chrono::hours kDefaultLife{24};

struct CreateOptions : SecretAddress {
  std::string user;   // id, or a member's address
  std::string agent;  // name or id
  std::string email;
  bool creator = false;
  bool link = false;
  ExpiryOptions expiry;
  uint32_t max_reads = 0;
  std::vector<std::string> networks;
  bool asks_passphrase = false;
  PassphraseOptions passphrase;
};

Result<Uuid> IdOf(const Json& found) {
  const auto id = ParseUuid(TextOf(found, "id"));
  if (!id) return MakeError(ErrorKind::kInternal, "The server's answer has no id");
  return *id;
}

Result<Uuid> FindMemberId(ApiClient& api, const std::string& id_or_email) {
  if (const auto id = ParseUuid(id_or_email)) return *id;
  TRY(Json answer, api.GetList("/v1/org/members", "members"));
  TRY(const Json members, ListOf(std::move(answer), "members"));
  for (const Json& member : members) {
    if (TextOf(member, "email") == id_or_email) return IdOf(member);
  }
  return NotFound("There is no member of this address or id; for others there is --email");
}

bool NamesOneRecipient(const CreateOptions& options) {
  const bool named[] = {!options.user.empty(), !options.agent.empty(), !options.email.empty(),
                        options.creator, options.link};
  return std::count(std::begin(named), std::end(named), true) == 1;
}

Status NameRecipient(ApiClient& api, const CreateOptions& options, api::CreateShareRequest& request) {
  if (!options.user.empty()) {
    request.recipient = RecipientType::kUser;
    TRY(request.recipient_id, FindMemberId(api, options.user));
  } else if (!options.agent.empty()) {
    request.recipient = RecipientType::kAgent;
    TRY(const Json agent, FindAgent(api, options.agent));
    TRY(request.recipient_id, IdOf(agent));
  } else if (!options.email.empty()) {
    request.recipient = RecipientType::kEmail;
    request.email = options.email;
  } else {
    request.recipient = options.creator ? RecipientType::kCreator : RecipientType::kAnyone;
  }
  return Ok();
}

// From the list, because reading the secret itself would count against its allowed reads.
Result<std::string> FindSecretId(ApiClient& api, const SecretAddress& address) {
  TRY(const std::string vault_id, FindVaultId(api, address.vault));
  TRY(Json answer, FetchSecretList(api, vault_id, address.path));
  TRY(const Json secrets, ListOf(std::move(answer), "secrets"));
  for (const Json& secret : secrets) {
    if (TextOf(secret, "path") == address.path) return TextOf(secret, "id");
  }
  return NotFound("There is no secret at " + address.path + " in this vault that you can see");
}

void PrintNewShare(const Context& context, const Json& share) {
  if (context.json()) return PrintJson(share);
  const std::string limit = TextOf(share, "max_access_count");
  const std::string until =
      TextOf(share, "expires_at") + (limit == "0" ? "" : ", at most " + limit + " times");
  if (TextOf(share, "recipient_type") == Name(RecipientType::kAnyone)) {
    std::printf("%s\n", Printable(TextOf(share, "share_url")).c_str());
    return Notice("Whoever has this link may read the secret, until " + Printable(until) + ".");
  }
  PrintFields({{"id", TextOf(share, "id")},
               {"recipient", TextOf(share, "recipient_type")},
               {"address", TextOf(share, "recipient_email")},
               {"until", until}});
  Notice("It opens once the recipient has accepted it.");
}

Result<int> Create(const Context& context, const CreateOptions& options) {
  if (!NamesOneRecipient(options)) {
    return UsageError("Say whom: one of --link, --user, --agent, --email and --creator");
  }
  TRY(ApiClient api, context.LoggedIn());
  api::CreateShareRequest request;
  TRYV(NameRecipient(api, options, request));
  request.max_access_count = options.max_reads;
  request.expires_at = options.expiry.Moment().value_or(SystemClock().Now() + kDefaultLife);
  request.ip_allowlist = options.networks;
  if (options.asks_passphrase || options.passphrase.given()) {
    TRY(request.passphrase, ReadPassphrase(options.passphrase, true));
  }
  TRY(const std::string secret_id, FindSecretId(api, options));
  TRY(const Json share, api.PostText("/v1/secrets/" + EscapeSegment(secret_id) + "/share",
                                     api::EncodeCreateShare(request).Text()));
  PrintNewShare(context, share);
  return kExitOk;
}

struct ListOptions {
  bool inbound = false;
};

std::string StateOf(const Json& share) {
  if (TextOf(share, "is_expired") == "true") return "expired";
  const std::string count = TextOf(share, "access_count"), most = TextOf(share, "max_access_count");
  if (most != "0" && count == most) return "used up";
  return TextOf(share, "is_accepted") == "true" ? "open" : "not accepted";
}

std::string CountOf(const Json& share) {
  const std::string most = TextOf(share, "max_access_count");
  return TextOf(share, "access_count") + (most == "0" ? "" : " of " + most);
}

// Who gets it, or who gives it.
std::string OtherSide(const Json& share, bool inbound) {
  if (inbound) return TextOf(share, "created_by");
  for (const char* name : {"recipient_email", "recipient_id"}) {
    if (const std::string text = TextOf(share, name); !text.empty()) return text;
  }
  return "anyone with the link";
}

Result<int> List(const Context& context, const ListOptions& options) {
  TRY(ApiClient api, context.LoggedIn());
  TRY(Json answer, api.GetList(options.inbound ? "/v1/shares/inbound" : "/v1/shares/outbound", "shares"));
  if (context.json()) {
    PrintJson(answer);
    return kExitOk;
  }
  TRY(const Json shares, ListOf(std::move(answer), "shares"));
  std::vector<std::vector<std::string>> rows;
  for (const Json& share : shares) {
    rows.push_back({TextOf(share, "id"), TextOf(share, "secret_path"), OtherSide(share, options.inbound),
                    StateOf(share), CountOf(share), TextOf(share, "expires_at")});
  }
  PrintTable({"ID", "SECRET", options.inbound ? "FROM" : "TO", "STATE", "READ", "EXPIRES"}, rows);
  return kExitOk;
}

struct ShareOptions {
  std::string share;  // id or link
  bool yes = false;
};

// False if the person does not want it.
Result<bool> Sure(const ShareOptions& options, const std::string& question) {
  if (options.yes) return true;
  return Confirm(question);
}

Result<int> End(const Context& context, const ShareOptions& options, const char* verb, const char* done,
                Status (*end)(ApiClient&, const std::string&)) {
  const auto sure =
      Sure(options, std::string(verb) + " the share " + Printable(options.share) + " for good?");
  if (!sure) return UsageError("This needs a confirmation: answer on a terminal, or give --yes");
  if (!sure.value()) {
    Notice("Nothing was changed");
    return kExitFailed;
  }
  TRY(const std::string id, ShareIdOf(context, options.share));
  TRY(ApiClient api, context.LoggedIn());
  TRYV(end(api, id));
  if (context.json()) PrintJson({{done, id}});
  Notice(std::string("The share is ") + done);
  return kExitOk;
}

Result<int> Revoke(const Context& context, const ShareOptions& options) {
  return End(context, options, "Revoke", "revoked",
             [](ApiClient& api, const std::string& id) { return api.Delete(ShareTarget(id)); });
}

Status PostVerb(ApiClient& api, const std::string& id, const char* verb) {
  return api.PostNothing("/v1/shares/" + EscapeSegment(id) + "/" + verb);
}

Result<int> Decline(const Context& context, const ShareOptions& options) {
  return End(context, options, "Decline", "declined",
             [](ApiClient& api, const std::string& id) { return PostVerb(api, id, "decline"); });
}

Result<int> Accept(const Context& context, const ShareOptions& options) {
  TRY(const std::string id, ShareIdOf(context, options.share));
  TRY(ApiClient api, context.LoggedIn());
  TRYV(PostVerb(api, id, "accept"));
  if (context.json()) PrintJson({{"accepted", id}});
  Notice("The share is accepted; 'claviger share open' reads it");
  return kExitOk;
}

void AddCreate(CLI::App& group, Action& chosen) {
  auto options = std::make_shared<CreateOptions>();
  auto* create = group.add_subcommand("create", "Let somebody else read a secret");
  AddAddress(*create, *options);
  create->add_option("--user", options->user, "A member of the organisation, by address or id");
  create->add_option("--agent", options->agent, "An agent, by name or id");
  create->add_option("--email", options->email, "Whoever has, or will have, an account with this address");
  create->add_flag("--creator", options->creator, "The person who made the agent that you are");
  create->add_flag("--link", options->link, "Whoever has the link");
  AddExpiryOptions(*create, options->expiry, "When it ends (default in 24 hours)");
  create->add_option("--max-reads", options->max_reads, "How often it opens (default without a limit)")
      ->check(CLI::Range(1, 2147483647));
  create->add_option("--allow-ip", options->networks, "Opens only from this network; may be repeated")
      ->allow_extra_args(false);
  create->add_flag("--passphrase", options->asks_passphrase, "Opens only with a passphrase, asked for now");
  AddPassphraseOptions(*create, options->passphrase);
  Choose(create, chosen, options, Create);
}

void AddShareArgument(CLI::App& command, ShareOptions& options) {
  command.add_option("share", options.share, "Its id or link")->required();
}

}  // namespace

Result<std::string> ShareIdOf(const Context& context, const std::string& id_or_link) {
  if (id_or_link.find('/') == std::string::npos) return id_or_link;
  TRY(const auto server, context.ResolveServer());
  TRY(const std::string link, NormalizeUrl(id_or_link));
  const std::string base = server.url + "/v1/share/";
  if (!link.starts_with(base)) {
    return Invalid("The link is not of " + server.url + "; give --url if you trust its server");
  }
  return link.substr(base.size());
}

std::string ShareTarget(const std::string& id) { return "/v1/share/" + EscapeSegment(id); }

void AddShare(CLI::App& app, Action& chosen) {
  auto* group = app.add_subcommand("share", "Let others read a secret, and read what others share");
  group->require_subcommand(1);
  AddCreate(*group, chosen);

  auto list_options = std::make_shared<ListOptions>();
  auto* list = group->add_subcommand("list", "List what you share");
  list->add_flag("--inbound", list_options->inbound, "What is shared with you");
  Choose(list, chosen, list_options, List);

  auto options = std::make_shared<ShareOptions>();
  auto* accept = group->add_subcommand("accept", "Accept what is shared with you");
  AddShareArgument(*accept, *options);
  Choose(accept, chosen, options, Accept);
  AddShareOpen(*group, chosen);

  auto* decline = group->add_subcommand("decline", "Decline what is shared with you, for good");
  AddShareArgument(*decline, *options);
  decline->add_flag("--yes", options->yes, "Do not ask");
  Choose(decline, chosen, options, Decline);

  auto* revoke = group->add_subcommand("revoke", "Share a secret no longer");
  AddShareArgument(*revoke, *options);
  revoke->add_flag("--yes", options->yes, "Do not ask");
  Choose(revoke, chosen, options, Revoke);
}

}  // namespace claviger::cli
