// There is no sandbox in a build with a sanitizer, which makes calls of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include "daemon/sandbox/sandbox.h"

#include <doctest/doctest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "daemon/sandbox/seccomp.h"
#include "tests/hsm/forbidden_acts.h"

using namespace claviger;
using namespace claviger::daemon;
using hsm::tests::TryAct;

namespace {

// What waitpid says of a process that does only this; its value is the exit status.
int InChild(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

constexpr int kNotShut = 255;

// 0 if the act was done; errno if it was refused; SIGSYS + 256 if it killed.
int Act(const std::function<SystemCalls()>& calls, const std::string& act) {
  const int status = InChild([&] { return AllowOnly(calls(), false) ? TryAct(act) : kNotShut; });
  return WIFSIGNALED(status) ? WTERMSIG(status) + 256 : WEXITSTATUS(status);
}
constexpr int kKilled = SIGSYS + 256;

SystemCalls Api() { return CallsOfApi({::getppid()}); }
SystemCalls Key() { return CallsOfKeyProcess({}); }
SystemCalls Start() { return CallsOfStarter({}); }

struct Directory {
  std::string path =
      std::filesystem::temp_directory_path() / ("claviger-fence-" + std::to_string(::getpid()));
  Directory() { std::filesystem::create_directories(path + "/inside"); }
  ~Directory() { std::filesystem::remove_all(path); }
};

// errno of an act within the fence, or 0.
int Fenced(const Fence& fence, const std::string& act) {
  const int status = InChild([&] {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !Enclose(fence)) return kNotShut;
    return TryAct(act);
  });
  return WIFEXITED(status) ? WEXITSTATUS(status) : kNotShut;
}

}  // namespace

TEST_CASE("what no process of ours ever does kills it") {
  for (const char* act : {"ptrace", "keyctl", "bpf", "io_uring", "userfaultfd", "perf", "unshare", "mount",
                          "module", "bind", "listen", "packet-socket"}) {
    CAPTURE(act);
    CHECK(Act(Api, act) == kKilled);
    CHECK(Act(Key, act) == kKilled);
    CHECK(Act(Start, act) == kKilled);
  }
}

TEST_CASE("the starter alone may fork and execute") {
  for (const char* act : {"fork", "execve"}) {
    CAPTURE(act);
    CHECK(Act(Api, act) == kKilled);
    CHECK(Act(Key, act) == kKilled);
    CHECK(Act(Start, act) == 0);
  }
}

TEST_CASE("the key process makes no socket unless its module needs any") {
  CHECK(Act(Key, "socket") == kKilled);
  CHECK(Act(Key, "unix-socket") == EACCES);  // for syslog(3)
  CHECK(Act(Start, "socket") == kKilled);
  const auto local = [] { return CallsOfKeyProcess({.local_sockets = true}); };
  CHECK(Act(local, "unix-socket") == 0);
  CHECK(Act(local, "socket") == kKilled);
  const auto network = [] { return CallsOfKeyProcess({.local_sockets = true, .network = true}); };
  CHECK(Act(network, "unix-socket") == 0);
  CHECK(Act(network, "socket") == 0);
  CHECK(Act(network, "bind") == kKilled);
  // The starter's filter is above both.
  CHECK(Act([] { return CallsOfStarter({.local_sockets = true}); }, "unix-socket") == 0);
  CHECK(Act([] { return CallsOfStarter({.local_sockets = true, .network = true, .devices = true}); },
            "socket") == 0);
  CHECK(Act(Api, "socket") == 0);
  CHECK(Act(Api, "unix-socket") == 0);
}

TEST_CASE("new code is refused without killing, for a library that is loaded late does without") {
  for (const char* act : {"code", "make-code"}) {
    CAPTURE(act);
    CHECK(Act(Api, act) == EACCES);
    CHECK(Act(Key, act) == EACCES);
    CHECK(Act(Start, act) == 0);
  }
}

TEST_CASE("the API process may signal its starter and nobody else") {
  CHECK(Act(Api, "signal-parent") == 0);
  CHECK(Act(Api, "signal-all") == kKilled);
  CHECK(Act([] { return CallsOfApi({}); }, "signal-parent") == kKilled);
  CHECK(Act(Key, "signal-parent") == kKilled);
}

TEST_CASE("a filter holds for threads that ran before it") {
  const int status = InChild([] {
    std::thread other([] {
      ::usleep(100'000);
      TryAct("execve");
    });
    if (!AllowOnly(Key(), false)) return kNotShut;
    other.join();
    return 0;
  });
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS));
}

TEST_CASE("what only logs forbids nothing") {
  const int status = InChild([] { return AllowOnly(Key(), true) ? TryAct("unix-socket") : kNotShut; });
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("a fence leaves the files that are named, and no others") {
  if (LandlockAbi() == 0) return;
  const Directory directory;
  const Fence read{.reaches = {{directory.path + "/inside"}, {directory.path + "/absent"}}};
  const Fence write{.reaches = {{directory.path + "/inside", true}}};
  CHECK(Fenced(read, "write " + directory.path + "/inside/file") == EACCES);
  CHECK(Fenced(read, "read " + directory.path + "/inside") == 0);
  CHECK(Fenced(read, "read " + directory.path) == EACCES);
  CHECK(Fenced(read, "read /etc/passwd") == EACCES);
  CHECK(Fenced(write, "write " + directory.path + "/inside/file") == 0);
  CHECK(Fenced(write, "write " + directory.path + "/inside/../file") == EACCES);
  CHECK(Fenced(write, "execve") == EACCES);
}

TEST_CASE("a fence holds TCP and signals back where the kernel can") {
  const Fence closed;
  const Fence open{.reaches = {}, .tcp = true, .abstract_sockets = true, .signals = true};
  if (LandlockAbi() >= 4) CHECK(Fenced(closed, "connect") == EACCES);
  if (LandlockAbi() >= 6) CHECK(Fenced(closed, "signal-parent") == EPERM);
  CHECK(Fenced(open, "connect") != EACCES);
  CHECK(Fenced(open, "signal-parent") == 0);
}

TEST_CASE("no capability is left but that for locked memory, and none comes back") {
  const int status = InChild([] {
    const Log log(LogLevel::kError);
    const Sandbox sandbox(SandboxMode::kEnforce, {.process = "test", .fence = {}, .calls = {}}, log);
    if (!sandbox.Enter()) return kNotShut;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    if (::syscall(SYS_capget, &header, data) != 0) return kNotShut;
    rlimit limit{};
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    const uint32_t kept = limit.rlim_cur == RLIM_INFINITY ? 0U : 1U << CAP_IPC_LOCK;
    if ((data[0].permitted & ~kept) != 0 || data[1].permitted != 0) return 1;
    return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2;
  });
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("each plan of a configuration has the files that it names") {
  Config config;
  config.state_directory = "/state";
  config.http.tls.certificate_chain_pem = "/certificates/chain.pem";
  config.hsm.pin_file = "/pins/pin";
  config.module_write_paths = {"/tokens"};
  const auto reaches = [](const Sandbox::Plan& plan, const std::string& path) -> std::optional<bool> {
    for (const Reach& reach : plan.fence->reaches) {
      if (reach.path == path) return reach.write;
    }
    return std::nullopt;
  };
  const auto api = PlanOfApi(config, {1});
  CHECK(reaches(api, "/state") == true);
  CHECK(reaches(api, "/certificates") == false);  // the file may be replaced
  CHECK(!reaches(api, "/pins/pin"));
  CHECK(!reaches(api, "/tokens"));
  CHECK(!reaches(api, "/"));
  const auto key = PlanOfKeyProcess(config);
  CHECK(reaches(key, "/tokens") == true);
  CHECK(reaches(key, "/pins/pin") == false);
  CHECK(!reaches(key, "/pins"));
  CHECK(!reaches(key, "/state"));
  CHECK(!reaches(key, "/certificates"));
  CHECK(ReachOf(api, "/pins/pin").empty());
  CHECK(ReachOf(api, "/certificates-of-others/pin").empty());
  CHECK(ReachOf(api, "/certificates/../pins/pin").empty());
  CHECK(ReachOf(api, "/certificates/pin") == "/certificates");
  CHECK(ReachOf(api, "/pins/../state/below/pin") == "/state");
  CHECK(ReachOf(api, "").empty());
  config.http.tls.certificate_chain_pem = "/chain.pem";
  CHECK(!reaches(PlanOfApi(config, {1}), "/"));
  CHECK(reaches(PlanOfApi(config, {1}), "/chain.pem") == false);
  config.key_processes = 0;
  CHECK(!PlanOfApi(config, {}).fence);
  CHECK(ReachOf(PlanOfApi(config, {}), "/pins/pin").empty());
}

#endif
