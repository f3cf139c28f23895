#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "daemon/sandbox/sandbox.h"
#include "schema/pg/conninfo_files.h"

namespace claviger::daemon {
namespace {

namespace fs = std::filesystem;

using Reaches = std::vector<Reach>;

void Read(Reaches& reaches, std::initializer_list<const char*> paths) {
  for (const char* path : paths) reaches.push_back({path});
}

// Of every process: libraries, time zones, authorities, the names of accounts. Nothing secret lies there.
Reaches System() {
  Reaches reaches{{"/dev/null", true}};
  Read(reaches, {"/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs",
                 "/etc/ssl/openssl.cnf", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/dev/urandom",
                 "/dev/random", "/sys/devices/system/cpu"});
  return reaches;
}

// Names of hosts.
void AddResolver(Reaches& reaches) {
  Read(reaches, {"/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/gai.conf", "/etc/services",
                 "/etc/protocols", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager"});
}

void AddPaths(Reaches& reaches, const std::vector<std::string>& paths, bool write) {
  for (const auto& path : paths) reaches.push_back({path, write});
}

// A file that is replaced by another one: its directory, and that of the file itself if it is a link.
void AddReplaceable(Reaches& reaches, const std::string& path) {
  if (path.empty() || path.starts_with("pkcs11:")) return;
  std::error_code absent;
  for (const fs::path& file : {fs::path(path), fs::canonical(path, absent)}) {
    const bool alone = file.parent_path() == file.root_path();  // the root would be everything
    reaches.push_back({alone ? file : file.parent_path()});
  }
}

void AddListeners(Reaches& reaches, const Config& config) {
  constexpr std::string_view kUnix = "unix:";
  for (const auto& listener : config.http.listeners) {
    if (!listener.address.starts_with(kUnix)) continue;
    reaches.push_back({fs::path(listener.address.substr(kUnix.size())).parent_path(), true});
  }
}

bool ListensBelow1024(const Config& config) {
  return std::any_of(config.http.listeners.begin(), config.http.listeners.end(), [](const auto& listener) {
    const std::string& address = listener.address;
    const size_t colon = address.rfind(':');
    if (colon == std::string::npos || address.starts_with("unix:") || address.starts_with("fd:"))
      return false;
    unsigned port = 0;
    std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
    return port > 0 && port < 1024;
  });
}

Fence FenceOfApi(const Config& config) {
  Fence fence{.reaches = System(), .tcp = true, .abstract_sockets = true, .signals = true};
  AddResolver(fence.reaches);
  for (const std::string* file : {&config.http.tls.certificate_chain_pem, &config.http.tls.private_key,
                                  &config.smtp.ca_file, &config.oidc_ca_file, &config.syslog.ca_file,
                                  &config.syslog.certificate, &config.syslog.private_key}) {
    AddReplaceable(fence.reaches, *file);
  }
  for (const auto& file : schema::FilesNamedBy(config.database.conninfo)) AddReplaceable(fence.reaches, file);
  if (const char* home = std::getenv("HOME")) {
    for (const char* file : {"/.pgpass", "/.postgresql"}) fence.reaches.push_back({std::string(home) + file});
  }
  AddPaths(fence.reaches, {config.mail_password_file, config.password_blocklist_file}, false);
  AddPaths(fence.reaches, config.read_paths, false);
  AddPaths(fence.reaches, {config.state_directory, config.audit_file_directory}, true);
  AddListeners(fence.reaches, config);
  return fence;
}

Fence FenceOfKeyProcess(const Config& config) {
  Fence fence{.reaches = System(),
              .tcp = config.module_sockets == ModuleSockets::kNetwork,
              .abstract_sockets = config.module_sockets != ModuleSockets::kNone};
  if (fence.tcp) AddResolver(fence.reaches);
  AddReplaceable(fence.reaches, config.hsm.module_path);
  AddPaths(fence.reaches, {config.hsm.pin_file}, false);
  for (const auto& token : config.hsm.customer_tokens) AddPaths(fence.reaches, {token.pin_file}, false);
  if (const char* softhsm = std::getenv("SOFTHSM2_CONF")) AddPaths(fence.reaches, {softhsm}, false);
  Read(fence.reaches, {"/etc/softhsm", "/etc/pkcs11"});
  AddPaths(fence.reaches, config.module_read_paths, false);
  AddPaths(fence.reaches, config.module_write_paths, true);
  return fence;
}

ModuleNeeds NeedsOf(const Config& config) {
  const auto& paths = config.module_write_paths;
  return {.local_sockets = config.module_sockets != ModuleSockets::kNone,
          .network = config.module_sockets == ModuleSockets::kNetwork,
          .devices = std::any_of(paths.begin(), paths.end(),
                                 [](const std::string& path) { return path.starts_with("/dev/"); })};
}

}  // namespace

Sandbox::Plan PlanOfApi(const Config& config, const std::vector<pid_t>& starters) {
  Sandbox::Plan plan{.process = "api", .fence = {}, .calls = CallsOfApi(starters)};
  plan.keep_low_ports = ListensBelow1024(config);
  if (config.key_processes > 0) plan.fence = FenceOfApi(config);
  return plan;
}

std::string ReachOf(const Sandbox::Plan& plan, const std::string& file) {
  if (!plan.fence || file.empty()) return "";
  std::error_code absent;
  const fs::path real = fs::weakly_canonical(file, absent);
  for (const Reach& reach : plan.fence->reaches) {
    const fs::path reached = fs::weakly_canonical(reach.path, absent);
    const auto [end, rest] = std::mismatch(reached.begin(), reached.end(), real.begin(), real.end());
    if (!reached.empty() && end == reached.end()) return reach.path;
  }
  return "";
}

Sandbox::Plan PlanOfKeyProcess(const Config& config) {
  return {.process = "key process",
          .fence = FenceOfKeyProcess(config),
          .calls = CallsOfKeyProcess(NeedsOf(config))};
}

Sandbox::Plan PlanOfStarter(const Config& config) {
  return {.process = "starter", .fence = {}, .calls = CallsOfStarter(NeedsOf(config))};
}

Sandbox::Plan PlanOfKeeper(const Config& config) {
  Sandbox::Plan plan = PlanOfStarter(config);
  plan.process = "keeper";
  plan.calls.push_back({"accept4"});
  return plan;
}

}  // namespace claviger::daemon
