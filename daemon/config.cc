#include "daemon/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cctype>
#include <map>
#include <sstream>
#include <utility>

#include "api/auth/auth_wire.h"
#include "daemon/config_fault.h"
#include "daemon/config_keys.h"
#include "daemon/private_file.h"

namespace claviger::daemon {
namespace {

namespace po = boost::program_options;

using Texts = std::vector<std::string>;
using Values = std::map<std::string, Texts, std::less<>>;

po::options_description Describe(const std::vector<ConfigKey>& keys) {
  po::options_description options;
  for (const ConfigKey& key : keys) {
    options.add_options()(std::string(key.name).c_str(), po::value<Texts>());
  }
  return options;
}

// A source that stands higher has already spoken for the keys in `values`.
void Merge(Values& values, const po::parsed_options& parsed) {
  Values found;
  for (const auto& option : parsed.options) {
    if (option.string_key.empty()) continue;
    auto& texts = found[option.string_key];
    if (option.value.empty()) texts.emplace_back();
    texts.insert(texts.end(), option.value.begin(), option.value.end());
  }
  values.merge(found);
}

Status MergeFlags(Values& values, const po::options_description& options, const Texts& words) {
  try {
    // An empty positional list makes stray words an error; keys are never guessed from their beginning.
    const po::positional_options_description none;
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    Merge(values, po::command_line_parser(words).options(options).positional(none).style(style).run());
  } catch (const po::error& error) {
    return FlagFault(error);
  }
  return Ok();
}

Status MergeFile(Values& values, const po::options_description& options, const std::string& path) {
  TRY(const std::string text, ReadPrivateFile(path, "the configuration file"));
  try {
    std::istringstream stream(text);
    Merge(values, po::parse_config_file(stream, options));
  } catch (const po::error&) {
    // The library takes the empty name for every key at once.
    return FileFault(path, text, [&](const std::string& name) {
      return !name.empty() && options.find_nothrow(name, /*approx=*/false) != nullptr;
    });
  }
  return Ok();
}

std::string EnvironmentName(std::string_view key) {
  std::string name = "CLAVIGER_";
  for (const char c : key)
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

// A name that begins like a section of ours but is no key is a mistake. Other CLAVIGER_ names belong to the
// command line and to scripts.
bool LooksLikeKey(std::string_view name, const std::vector<ConfigKey>& keys) {
  return std::any_of(keys.begin(), keys.end(), [&](const ConfigKey& key) {
    const size_t dot = key.name.find('.');
    return dot != std::string_view::npos && name.starts_with(EnvironmentName(key.name.substr(0, dot)) + '_');
  });
}

Status MergeEnvironment(Values& values, const std::vector<ConfigKey>& keys, char** environment) {
  Values found;
  for (char** word = environment; word != nullptr && *word != nullptr; ++word) {
    const std::string_view text = *word;
    const size_t equals = text.find('=');
    if (!text.starts_with("CLAVIGER_") || equals == std::string_view::npos) continue;
    const std::string_view name = text.substr(0, equals);
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&](const ConfigKey& each) { return EnvironmentName(each.name) == name; });
    if (key != keys.end()) {
      found[std::string(key->name)] = {std::string(text.substr(equals + 1))};
    } else if (LooksLikeKey(name, keys)) {
      return Invalid(fmt::format("the environment: unknown key {}", name));
    }
  }
  values.merge(found);
  return Ok();
}

Status Apply(Config& config, const std::vector<ConfigKey>& keys, const Values& values) {
  for (const ConfigKey& key : keys) {
    const auto found = values.find(key.name);
    if (found == values.end()) continue;
    if (!key.repeatable && found->second.size() != 1)
      return Invalid(fmt::format("{} is given twice", key.name));
    if (!key.read(config, found->second)) return Invalid(fmt::format("{} must be {}", key.name, key.rule));
  }
  if (config.dev && !values.contains("auth.signup")) config.signup = Signup::kDirect;
  return Ok();
}

// Passwords of the database belong into a passfile: connection strings end up in process lists and logs.
Status CheckConninfo(std::string_view key, const std::string& conninfo) {
  std::string packed;
  for (const char c : conninfo) {
    if (!std::isspace(static_cast<unsigned char>(c))) {
      packed += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  const size_t scheme = packed.find("://");
  const size_t at = packed.find('@');
  const bool in_uri = scheme != std::string::npos && at != std::string::npos &&
                      packed.find(':', scheme + 3) < at && packed.find('/', scheme + 3) > at;
  if (in_uri || packed.find("password=") != std::string::npos) {
    return Invalid(fmt::format("{} holds a password: use passfile= or peer authentication", key));
  }
  return Ok();
}

// A label must tell the tokens apart: ours from customers', and these from each other.
Status CheckCustomerTokens(const hsm::HsmConfig& config) {
  std::vector<std::string> labels = config.token_labels;
  for (const auto& token : config.customer_tokens) {
    if (std::find(labels.begin(), labels.end(), token.label) != labels.end()) {
      return Invalid("hsm.customer_token names a token that another key names as well");
    }
    labels.push_back(token.label);
  }
  return Ok();
}

bool IsLocal(std::string_view address) {
  return address.starts_with("unix:") || address.starts_with("fd:") || address.starts_with("127.") ||
         address.starts_with("[::1]:") || address.starts_with("localhost:");
}

Status CheckListeners(const Config& config) {
  if (config.listen.empty() && config.listen_plain.empty()) return Invalid("http.listen names no address");
  for (const auto& address : config.listen_plain) {
    if (!IsLocal(address)) {
      return Invalid("http.listen_plain must be a Unix socket, an inherited socket or a loopback address");
    }
  }
  return Ok();
}

bool IsHost(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == ':';
  });
}

// An origin: pages name each other by their paths alone. It stands in mails as it is.
Status CheckPublicUrl(const std::string& url) {
  constexpr std::string_view kScheme = "https://";
  const bool origin = url.starts_with(kScheme) && url.size() > kScheme.size() &&
                      std::all_of(url.begin() + kScheme.size(), url.end(), [](char c) {
                        return std::isalnum(static_cast<unsigned char>(c)) ||
                               std::string_view("-.:[]").find(c) != std::string::npos;
                      });
  if (url.empty() || origin) return Ok();
  return Invalid("http.public_url must be https:// and a host name, without a slash at its end");
}

Status CheckMail(const Config& config) {
  const api::SmtpConfig& smtp = config.smtp;
  if (smtp.server.empty()) {
    if (config.signup == Signup::kMail) return Invalid("auth.signup = mail needs mail.server");
    return Ok();
  }
  if (!IsHost(smtp.server)) return Invalid("mail.server must be a host name or an address");
  if (!IsHost(smtp.ehlo_name)) return Invalid("mail.ehlo_name must be a host name");
  const auto from = api::NormalizeEmail(smtp.from);
  if (!from || from.value() != smtp.from)
    return Invalid("mail.from must be an address such as vault@example.org, in lower case");
  if (config.public_url.empty())
    return Invalid("mail.server needs http.public_url, which stands in the mails");
  if (smtp.user.empty() != config.mail_password_file.empty())
    return Invalid("mail.user and mail.password_file need each other");
  if (smtp.security == api::MailSecurity::kNone && !IsLocal(smtp.server + ":") && smtp.server != "::1")
    return Invalid("mail.security = none is for a mail server on this machine only");
  return Ok();
}

// The issuer is compared byte by byte with that of tokens, so it is written here as the provider writes it.
Status CheckOidc(const Config& config) {
  const std::string& issuer = config.oidc_issuer;
  if (issuer.empty()) return Ok();
  const bool plain = std::all_of(issuer.begin(), issuer.end(), [](char c) {
    return c > ' ' && c < 0x7F && c != '?' && c != '#' && c != '@';
  });
  if (!issuer.starts_with("https://") || issuer.size() > 1024 || !plain) {
    return Invalid("oidc.issuer must be an https URL without user, query and fragment");
  }
  if (config.oidc_client_ids.empty()) return Invalid("oidc.client_id is missing: oidc.issuer needs one");
  for (const auto& domain : config.oidc_email_domains) {
    const bool ok = !domain.empty() && std::all_of(domain.begin(), domain.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    });
    if (!ok) return Invalid("oidc.email_domain must be a domain name in lower case");
  }
  return Ok();
}

std::string FromSystemd(char** environment, std::string_view variable) {
  for (char** word = environment; word != nullptr && *word != nullptr; ++word) {
    const std::string_view text = *word;
    if (text.starts_with(variable)) return std::string(text.substr(variable.size()));
  }
  return {};
}

Status CheckExports(const Config& config) {
  const auto& syslog = config.syslog;
  if (syslog.certificate.empty() != syslog.private_key.empty())
    return Invalid("audit.syslog_certificate and audit.syslog_private_key need each other");
  if (syslog.server.empty() && !(syslog.ca_file.empty() && syslog.certificate.empty()))
    return Invalid("audit.syslog_server is missing: other audit.syslog_ keys are set");
  const bool name = std::all_of(syslog.server.begin(), syslog.server.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == ':';
  });
  if (!name) return Invalid("audit.syslog_server must be a host name or an address, without a port");
  return Ok();
}

// What systemd offers to a service counts where nothing else is said.
void FillFromSystemd(Config& config, char** environment) {
  if (config.hsm.pin_file.empty()) {
    const std::string credentials = FromSystemd(environment, "CREDENTIALS_DIRECTORY=");
    if (!credentials.empty()) config.hsm.pin_file = credentials + "/hsm-pin";
  }
  if (config.state_directory.empty()) config.state_directory = FromSystemd(environment, "STATE_DIRECTORY=");
}

Status CheckKeyProcess(const Config& config) {
  const std::string& socket = config.key_process_socket;
  if (!socket.empty() && !socket.starts_with('/'))
    return Invalid("hsm.key_process_socket must be an absolute path");
  if (socket.empty() && !config.key_process_peer.empty())
    return Invalid("hsm.key_process_peer needs hsm.key_process_socket");
  if (!socket.empty() && config.key_processes == 0)
    return Invalid("hsm.key_process_socket and hsm.key_processes = 0 exclude each other");
  return Ok();
}

// What belongs to a move is there whole, or not at all.
Status CheckNextToken(const Config& config) {
  const NextToken& next = config.next;
  const bool socket = !config.key_process_socket.empty();
  const bool any = !next.module_path.empty() || !next.module_init_args.empty() || !next.pin_file.empty();
  if (!config.Moves()) {
    if (any) return Invalid("hsm.next_token_label is missing: other hsm.next_ keys are set");
    return Ok();
  }
  if (config.key_processes == 0) {
    return Invalid("hsm.next_ keys need key processes: hsm.key_processes must not be 0");
  }
  if (socket != !next.key_process_socket.empty()) {
    return Invalid("hsm.key_process_socket and hsm.next_key_process_socket need each other during a move");
  }
  if (socket && !next.key_process_socket.starts_with('/')) {
    return Invalid("hsm.next_key_process_socket must be an absolute path");
  }
  if (socket && next.key_process_socket == config.key_process_socket) {
    return Invalid("hsm.next_key_process_socket must be another one than hsm.key_process_socket");
  }
  if (!socket && next.pin_file.empty()) return Invalid("hsm.next_pin_file is missing");
  const bool same_module = next.module_path.empty() || next.module_path == config.hsm.module_path;
  const auto& labels = config.hsm.token_labels;
  const bool same_label = std::find(labels.begin(), labels.end(), next.token_label) != labels.end();
  if (!next.token_label.empty() && same_module && same_label) {
    return Invalid("hsm.next_token_label names the token that hsm.token_label names");
  }
  return Ok();
}

void FillListeners(Config& config) {
  config.http.listeners.clear();
  for (const auto& address : config.listen) config.http.listeners.push_back({address, true});
  for (const auto& address : config.listen_plain) config.http.listeners.push_back({address, false});
}

}  // namespace

Result<Config> LoadConfig(const ConfigSources& sources) {
  const std::vector<ConfigKey> keys = MakeConfigKeys();
  const po::options_description options = Describe(keys);
  Values values;
  TRYV(MergeFlags(values, options, sources.flags));
  TRYV(MergeEnvironment(values, keys, sources.environment));
  if (!sources.file.empty()) {
    TRYV(MergeFile(values, options, sources.file));
  }
  Config config;
  TRYV(Apply(config, keys, values));
  FillFromSystemd(config, sources.environment);
  TRYV(CheckConninfo("database.conninfo", config.database.conninfo));
  TRYV(CheckConninfo("database.owner_conninfo", config.owner_conninfo));
  TRYV(CheckCustomerTokens(config.hsm));
  TRYV(CheckKeyProcess(config));
  TRYV(CheckNextToken(config));
  TRYV(CheckListeners(config));
  TRYV(CheckPublicUrl(config.public_url));
  TRYV(CheckMail(config));
  TRYV(CheckOidc(config));
  TRYV(CheckExports(config));
  FillListeners(config);
  return config;
}

Config AtNextToken(const Config& config) {
  Config moved = config;
  const NextToken next = std::exchange(moved.next, {});
  const bool other_module = !next.module_path.empty() && next.module_path != config.hsm.module_path;
  if (other_module) moved.hsm.module_path = next.module_path;
  if (other_module || !next.module_init_args.empty()) moved.hsm.module_init_args = next.module_init_args;
  moved.hsm.token_labels = {next.token_label};
  moved.hsm.token_serial.clear();
  moved.hsm.pin_file = next.pin_file;
  moved.key_process_socket = next.key_process_socket;
  return moved;
}

std::string PrintConfig(const Config& config) {
  std::string out;
  std::string section;
  for (const ConfigKey& key : MakeConfigKeys()) {
    const size_t dot = key.name.find('.');
    const std::string_view of = dot == std::string_view::npos ? "" : key.name.substr(0, dot);
    if (of != section) out += fmt::format("\n[{}]\n", section = of);
    const std::string_view name = dot == std::string_view::npos ? key.name : key.name.substr(dot + 1);
    for (const auto& text : key.show(config)) {
      out += fmt::format("{} = {}\n", name, key.masked && !text.empty() ? "(set)" : text);
    }
  }
  return out;
}

std::string ExplainKeys() {
  const Config defaults;
  std::string out;
  for (const ConfigKey& key : MakeConfigKeys()) {
    std::string fallback;
    for (const auto& text : key.show(defaults)) fallback += (fallback.empty() ? "" : ", ") + text;
    out += fmt::format("  --{:<38} {} [{}]\n", key.name, key.about, fallback.empty() ? "none" : fallback);
  }
  return out;
}

}  // namespace claviger::daemon
