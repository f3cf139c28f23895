#pragma once
// What each process gives up, described as data, and how it gives it up: in two steps, for some things a
// thread can give up only for itself and those that it starts, and others are needed until the last part is
// there.
//
//   Enter   before it has a second thread   capabilities, no_new_privs, files (Landlock)
//   Shut    before a byte from outside      system calls (seccomp), in all threads
//
// Nothing takes either back. Where the kernel cannot do it, the process does not go on; Landlock alone goes
// as far as the kernel knows.

#include "base/log.h"
#include "daemon/config.h"
#include "daemon/sandbox/landlock.h"
#include "daemon/sandbox/system_calls.h"

namespace claviger::daemon {

class Sandbox {
 public:
  struct Plan {
    std::string_view process;    // whose, for the log
    std::optional<Fence> fence;  // nullopt: it reaches all files that its account does
    SystemCalls calls;
    bool keep_low_ports =
        false;  // the right to listen below port 1024, if it has it, until Shut forbids that
  };
  Sandbox(SandboxMode mode, Plan plan, const Log& log) : mode_(mode), plan_(std::move(plan)), log_(log) {}

  Status Enter() const;
  Status Shut() const;

 private:
  const SandboxMode mode_;
  const Plan plan_;
  const Log& log_;
};

// The process that serves HTTP. With hsm.key_processes = 0 it reaches all files, for a module may need any.
Sandbox::Plan PlanOfApi(const Config& config, const std::vector<pid_t>& starters);
// Of a plan with a fence, the path by which it reaches `file` all the same; empty: it does not.
std::string ReachOf(const Sandbox::Plan& plan, const std::string& file);
// Files of the module, PINs, and what is named by hsm.read_path and hsm.write_path.
Sandbox::Plan PlanOfKeyProcess(const Config& config);
// What it may, key processes may until they shut their own; so it reaches all files.
Sandbox::Plan PlanOfStarter(const Config& config);
// The same, and it takes connections at a socket that listens.
Sandbox::Plan PlanOfKeeper(const Config& config);

}  // namespace claviger::daemon
