#pragma once
// What nobody in a sandbox should be able to do, each as one small act.

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

namespace claviger::hsm::tests {

// 0 if it was done, and undone where that matters; otherwise errno.
//   read PATH, write PATH, execve, fork, socket, unix-socket, packet-socket, bind, listen, connect, code,
//   make-code, ptrace, keyctl, bpf, io_uring, userfaultfd, perf, unshare, mount, module, signal-parent,
//   signal-all
inline int TryAct(const std::string& act) {
  const auto result = [](long value) { return value < 0 ? errno : 0; };
  const auto closing = [](int fd) {
    if (fd < 0) return errno;
    ::close(fd);
    return 0;
  };
  const auto path = act.substr(act.find(' ') + 1);
  const sockaddr_in nowhere{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  const auto* address = reinterpret_cast<const sockaddr*>(&nowhere);
  if (act.starts_with("read ")) return closing(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (act.starts_with("write ")) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) ::unlink(path.c_str());
    return closing(fd);
  }
  if (act == "execve") {
    char name[] = "true";
    char* arguments[] = {name, nullptr};
    return result(::execve("/bin/true", arguments, nullptr));
  }
  if (act == "fork") {
    const pid_t child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (child == 0) ::_exit(0);
    if (child > 0) ::waitpid(child, nullptr, 0);
    return result(child);
  }
  if (act == "socket") return closing(::socket(AF_INET, SOCK_STREAM, 0));
  if (act == "unix-socket") return closing(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (act == "packet-socket") return closing(::socket(AF_PACKET, SOCK_RAW, 0));
  if (act == "bind") return result(::bind(-1, address, sizeof nowhere));
  if (act == "listen") return result(::listen(-1, 1));
  if (act == "connect") {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const int error = result(fd < 0 ? fd : ::connect(fd, address, sizeof nowhere));
    ::close(fd);
    return error;
  }
  if (act == "code" || act == "make-code") {
    void* page = ::mmap(nullptr, 4096, PROT_READ | (act == "code" ? PROT_EXEC : PROT_WRITE),
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return errno;
    const int error = act == "code" ? 0 : result(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
    ::munmap(page, 4096);
    return error;
  }
  if (act == "ptrace") return result(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  if (act == "keyctl") return result(::syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  if (act == "bpf") return result(::syscall(SYS_bpf, 0, nullptr, 0));
  if (act == "io_uring") return result(::syscall(SYS_io_uring_setup, 0, nullptr));
  if (act == "userfaultfd") return result(::syscall(SYS_userfaultfd, 0));
  if (act == "perf") return result(::syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0));
  if (act == "unshare") return result(::syscall(SYS_unshare, 0));
  if (act == "mount") return result(::syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr));
  if (act == "module") return result(::syscall(SYS_init_module, nullptr, 0, nullptr));
  if (act == "signal-parent") return result(::kill(::getppid(), 0));
  if (act == "signal-all") return result(::kill(-1, 0));
  return ENOTSUP;
}

}  // namespace claviger::hsm::tests
