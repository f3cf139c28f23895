#include "tests/schema/private_cluster.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace claviger::testing {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kStartLimit{60};
constexpr milliseconds kPoll{10};

std::string Program(const char* name) {
  const char* directory = std::getenv("CLAVIGER_PG_BINDIR");
  return std::string(directory != nullptr ? directory : "/usr/lib/postgresql/15/bin") + "/" + name;
}

std::string MakeDirectory(const Account& account) {
  std::string path = "/tmp/claviger-pg-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr || ::chown(path.c_str(), account.uid, account.gid) != 0) std::abort();
  return path;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

[[noreturn]] void Give(const std::string& what, const std::string& log_path) {
  std::fprintf(stderr, "private PostgreSQL: %s\n%s\n", what.c_str(), Contents(log_path).c_str());
  std::abort();
}

std::string LogPath(const std::string& directory) { return directory + "/log"; }

}  // namespace

PrivateCluster::PrivateCluster() : account_(ServerAccount()), directory_(MakeDirectory(account_)) {
  if (RunToEnd({Program("initdb"), "--pgdata", directory_ + "/data", "--username", "postgres", "--auth",
                "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"},
               account_, LogPath(directory_)) != 0)
    Give("initdb failed", LogPath(directory_));
  Start();
  CreateDatabase("claviger");
}

PrivateCluster::~PrivateCluster() {
  if (server_ > 0) Kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void PrivateCluster::CreateDatabase(const std::string& name) {
  // As ourselves, not as the server's account, which may not be able to read the source tree.
  const std::string roles = CLAVIGER_SOURCE_DIR "/packaging/postgresql/roles.sql";
  if (RunToEnd({Program("psql"), "--no-psqlrc", "--quiet", "--host", directory_, "--username", "postgres",
                "--set", "database=" + name, "--file", roles, "postgres"},
               Account{::getuid(), ::getgid()}, LogPath(directory_)) != 0)
    Give("roles.sql failed", LogPath(directory_));
}

schema::PgConfig PrivateCluster::Config(const std::string& role, const std::string& database) const {
  schema::PgConfig config;
  config.conninfo = "host=" + directory_ + " user=" + role + " dbname=" + database;
  config.pool_size = 4;
  config.connect_timeout = milliseconds(2000);
  config.acquire_timeout = milliseconds(1000);
  config.statement_timeout = milliseconds(1000);
  config.lock_timeout = milliseconds(300);
  return config;
}

void PrivateCluster::Start() {
  server_ = Spawn(
      {Program("postgres"), "-D", directory_ + "/data", "-k", directory_, "-c", "listen_addresses=", "-c",
       "unix_socket_permissions=0700", "-c", "shared_buffers=16MB", "-c", "max_connections=40", "-c",
       "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "deadlock_timeout=100ms"},
      account_, LogPath(directory_));
  AwaitReady();
}

void PrivateCluster::AwaitReady() const {
  // The eighth line of postmaster.pid is the server's state; the first is its process id.
  const auto deadline = std::chrono::steady_clock::now() + kStartLimit;
  const std::string first = std::to_string(server_) + "\n";
  for (;;) {
    const std::string state = Contents(directory_ + "/data/postmaster.pid");
    if (state.starts_with(first) && state.find("\nready") != std::string::npos) return;
    if (!IsRunning(server_) || std::chrono::steady_clock::now() > deadline)
      Give("the server does not start", LogPath(directory_));
    std::this_thread::sleep_for(kPoll);
  }
}

void PrivateCluster::Stop() {
  ::kill(server_, SIGINT);
  ::waitpid(server_, nullptr, 0);
  server_ = -1;
}

void PrivateCluster::Kill() {
  StopAndWait(server_);  // it must not see its children die, nor make new ones
  const auto children = ChildrenOf(server_);
  Signal(SIGKILL);
  ::waitpid(server_, nullptr, 0);
  server_ = -1;
  // The next start refuses while one of them holds on to the shared memory.
  for (const pid_t child : children) {
    while (IsRunning(child)) std::this_thread::sleep_for(kPoll);
  }
}

void PrivateCluster::RestartIfDown() {
  if (server_ < 0) Start();
}

void PrivateCluster::Pause() {
  StopAndWait(server_);
  Signal(SIGSTOP);
}

void PrivateCluster::Resume() { Signal(SIGCONT); }

void PrivateCluster::Signal(int signal) const {
  if (server_ < 0) return;
  for (const pid_t child : ChildrenOf(server_)) ::kill(child, signal);
  ::kill(server_, signal);
}

}  // namespace claviger::testing
