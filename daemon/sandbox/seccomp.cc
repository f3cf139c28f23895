#include "daemon/sandbox/seccomp.h"

#include <seccomp.h>

#include <cstring>
#include <memory>
#include <string>

namespace claviger::daemon {
namespace {

using Filter = std::unique_ptr<void, decltype(&seccomp_release)>;

Status Check(int code, const std::string& what) {
  if (code == 0) return Ok();
  return Forbidden("the sandbox cannot be made: " + what + ": " + std::strerror(-code));
}

Status Configure(scmp_filter_ctx filter, uint32_t on_violation) {
  TRYV(Check(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, on_violation), "architecture"));
  TRYV(Check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1), "no_new_privs"));
  TRYV(Check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1), "all threads"));
  // A binary tree: calls late in the list cost no more than early ones.
  return Check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "binary tree");
}

Status Add(scmp_filter_ctx filter, const SystemCall& call, bool log_only) {
  const int number = seccomp_syscall_resolve_name(call.name);
  if (number == __NR_SCMP_ERROR) return Internal(std::string("no system call has the name ") + call.name);
  if (number < 0) return Ok();                          // another architecture's
  if (call.refused_with != 0 && log_only) return Ok();  // like all that is not allowed
  const uint32_t action = call.refused_with == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(call.refused_with);
  if (!call.where) return Check(seccomp_rule_add_array(filter, action, number, 0, nullptr), call.name);
  const scmp_arg_cmp compared{call.where->index, SCMP_CMP_MASKED_EQ, call.where->mask, call.where->value};
  return Check(seccomp_rule_add_array(filter, action, number, 1, &compared), call.name);
}

}  // namespace

Status AllowOnly(const SystemCalls& calls, bool log_only) {
  const uint32_t on_violation = log_only ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS;
  const Filter filter(seccomp_init(on_violation), &seccomp_release);
  if (!filter) return Forbidden("the sandbox cannot be made: out of memory");
  TRYV(Configure(filter.get(), on_violation));
  for (const SystemCall& call : calls) {
    TRYV(Add(filter.get(), call, log_only));
  }
  return Check(seccomp_load(filter.get()), "the kernel refuses the filter");
}

}  // namespace claviger::daemon
