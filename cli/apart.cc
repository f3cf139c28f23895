#include "cli/apart.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>

#include "cli/files.h"
#include "cli/secret_buffer.h"

namespace claviger::cli {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kMaxAnswerBytes = 64 * 1024;
// An answer begins with this or, above it, with the kind of an error; the value or the sentence follows.
constexpr uint8_t kValue = 0;

SecretBytes Encode(const Result<SecretBytes>& result) {
  const std::string_view text = result ? result.value().Text() : std::string_view(result.error().detail);
  SecretBytes answer(1 + text.size());
  answer.data()[0] =
      result ? kValue : static_cast<uint8_t>(kValue + 1 + static_cast<int>(result.error().kind));
  std::copy(text.begin(), text.end(), answer.data() + 1);
  return answer;
}

Result<SecretBytes> Decode(const SecretBytes& answer) {
  const uint8_t first = answer.data()[0];
  if (first == kValue) return SecretBytes(answer.View().subspan(1));
  return MakeError(static_cast<ErrorKind>(first - kValue - 1), std::string(answer.Text().substr(1)));
}

[[noreturn]] void BecomeCopy(const std::function<Result<SecretBytes>()>& work, pid_t parent, int out) {
  // It has our locks, and must not keep them.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILURE);
  const SecretBytes answer = Encode(work());
  _exit(WriteAll(out, answer.View(), "the answer") ? EXIT_SUCCESS : EXIT_FAILURE);
}

// Until the end of file.
Result<SecretBytes> ReadUntil(SteadyClock::time_point end, int in) {
  SecretBuffer answer(kMaxAnswerBytes);
  SecretBytes chunk(4096);
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - SteadyClock::now());
    if (left.count() <= 0) return MakeError(ErrorKind::kUnavailable, "it does not answer");
    pollfd ready{in, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(left.count())) <= 0) continue;
    const ssize_t got = read(in, chunk.data(), chunk.size());
    if (got == 0) return answer.Take();
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || !answer.Append(chunk.View().first(static_cast<size_t>(got)))) return SecretBytes();
  }
}

// Ends it, if it has not ended by itself with success.
bool Reap(pid_t copy) {
  kill(copy, SIGKILL);
  int status = 0;
  while (waitpid(copy, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

}  // namespace

Result<SecretBytes> RunApart(std::chrono::milliseconds limit,
                             const std::function<Result<SecretBytes>()>& work) {
  const auto end = SteadyClock::now() + limit;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return MakeError(ErrorKind::kUnavailable, ErrnoText());
  const Fd in(ends[0]);
  Fd out(ends[1]);
  // A parent that ignores SIGCHLD would have made us lose the copy's status.
  std::signal(SIGCHLD, SIG_DFL);
  const pid_t self = getpid();
  const pid_t copy = fork();
  if (copy < 0) return MakeError(ErrorKind::kUnavailable, ErrnoText());
  if (copy == 0) BecomeCopy(work, self, out.get());
  out = Fd();
  auto answer = ReadUntil(end, in.get());
  const bool whole = Reap(copy);
  TRYV(answer);
  if (!whole || answer.value().empty()) return MakeError(ErrorKind::kUnavailable, "it ended unexpectedly");
  return Decode(answer.value());
}

}  // namespace claviger::cli
