#include "cli/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "cli/files.h"
#include "cli/secret_buffer.h"

namespace claviger::cli {
namespace {

constexpr size_t kMaxLineBytes = 64 * 1024;
constexpr std::array kEndingSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

volatile std::sig_atomic_t caught_signal = 0;
void OnSignal(int number) { caught_signal = number; }

// While it lives, ending signals interrupt the wait for input instead of killing us with the echo off, and
// the terminal cannot be suspended in that state. They arrive only during that wait, so none is missed just
// before it. Afterwards a caught signal is delivered again.
class SignalGuard {
 public:
  SignalGuard() {
    caught_signal = 0;
    sigset_t held;
    sigemptyset(&held);
    struct sigaction action {};
    action.sa_handler = OnSignal;
    for (size_t i = 0; i < kEndingSignals.size(); ++i) {
      sigaddset(&held, kEndingSignals[i]);
      sigaction(kEndingSignals[i], &action, &saved_[i]);
    }
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGTSTP, &ignore, &saved_stop_);
    sigprocmask(SIG_BLOCK, &held, &saved_mask_);
  }
  ~SignalGuard() {
    for (size_t i = 0; i < kEndingSignals.size(); ++i) sigaction(kEndingSignals[i], &saved_[i], nullptr);
    sigaction(SIGTSTP, &saved_stop_, nullptr);
    sigprocmask(SIG_SETMASK, &saved_mask_, nullptr);
    if (caught_signal) raise(caught_signal);
  }
  const sigset_t* while_waiting() const { return &saved_mask_; }

 private:
  std::array<struct sigaction, kEndingSignals.size()> saved_{};
  struct sigaction saved_stop_ {};
  sigset_t saved_mask_{};
};

class EchoOff {
 public:
  explicit EchoOff(int fd) : fd_(fd), active_(tcgetattr(fd, &saved_) == 0) {
    if (!active_) return;
    termios quiet = saved_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ICANON | ECHONL;
    active_ = tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
  }
  ~EchoOff() {
    if (active_) tcsetattr(fd_, TCSAFLUSH, &saved_);
  }
  bool active() const { return active_; }

 private:
  int fd_;
  termios saved_{};
  bool active_;
};

Fd OpenTerminal() { return Fd(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)); }

// `mask` holds while it waits for input; null: no change.
Result<SecretBytes> ReadLine(int fd, const sigset_t* mask) {
  SecretBuffer line(kMaxLineBytes);
  uint8_t byte = 0;
  for (;;) {
    pollfd input{fd, POLLIN, 0};
    if (ppoll(&input, 1, nullptr, mask) < 0) {
      if (errno == EINTR && !caught_signal) continue;
      return Invalid("Nothing was entered");
    }
    const ssize_t got = read(fd, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Invalid("Nothing was entered");
    if (got == 0 || byte == '\n') return line.Take();
    if (!line.Append({&byte, 1})) return MakeError(ErrorKind::kTooLarge, "The line is too long");
  }
}

}  // namespace

bool IsTerminal(int fd) { return isatty(fd) == 1; }

bool HasTerminal() { return static_cast<bool>(OpenTerminal()); }

Result<SecretBytes> AskSecret(std::string_view prompt) {
  const Fd tty = OpenTerminal();
  if (!tty) return Invalid("There is no terminal to ask on");
  const SignalGuard signals;
  const EchoOff quiet(tty.get());
  if (!quiet.active()) return Invalid("The terminal cannot hide what is typed");
  TRYV(WriteAll(tty.get(), AsBytes(prompt), "the terminal"));
  TRY(SecretBytes line, ReadLine(tty.get(), signals.while_waiting()));
  if (line.empty()) return Invalid("Nothing was entered");
  return line;
}

Result<SecretBytes> Ask(std::string_view prompt) {
  const Fd tty = OpenTerminal();
  if (!tty) return Invalid("There is no terminal to ask on");
  TRYV(WriteAll(tty.get(), AsBytes(prompt), "the terminal"));
  TRY(SecretBytes line, ReadLine(tty.get(), nullptr));
  if (line.empty()) return Invalid("Nothing was entered");
  return line;
}

Result<bool> Confirm(std::string_view question) {
  const Fd tty = OpenTerminal();
  if (!tty) return Invalid("There is no terminal to ask on");
  TRYV(WriteAll(tty.get(), AsBytes(std::string(question) + " [y/N] "), "the terminal"));
  TRY(const SecretBytes line, ReadLine(tty.get(), nullptr));
  return line.Text() == "y" || line.Text() == "yes";
}

}  // namespace claviger::cli
