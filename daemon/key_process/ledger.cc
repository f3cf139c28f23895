#include "daemon/key_process/ledger.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "crypto/digest.h"

namespace claviger::daemon {
namespace {

constexpr size_t kPageBytes = 4096;

// Never 0, which stands for none.
template <class Octets>
uint64_t Beginning(const Octets& octets) {
  uint64_t beginning = 0;
  std::memcpy(&beginning, octets.data(), std::min(octets.size(), sizeof beginning));
  return beginning | 1;
}

Error SystemError(const char* what) { return Internal(std::string(what) + ": " + std::strerror(errno)); }

}  // namespace

// Sealed against shrinking: who maps a page that goes away dies of it.
Result<int> Ledger::Make() {
  const int fd = ::memfd_create("claviger-ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return SystemError("memfd_create");
  if (::ftruncate(fd, kPageBytes) != 0 ||
      ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    const Error error = SystemError("the ledger");
    ::close(fd);
    return error;
  }
  return fd;
}

Result<std::unique_ptr<Ledger>> Ledger::Open(int fd, uint32_t key_processes) {
  struct stat status {};
  const int seals = ::fcntl(fd, F_GET_SEALS);
  const bool ours = seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && ::fstat(fd, &status) == 0 &&
                    status.st_size == static_cast<off_t>(kPageBytes);
  if (!ours) return Invalid("a key process is started by `clavigerd run`, which hands it a ledger");
  void* page = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return SystemError("mmap");
  // All zeros is an empty ledger.
  return std::unique_ptr<Ledger>(new Ledger(static_cast<Page*>(page), key_processes + 1));
}

Ledger::~Ledger() { ::munmap(page_, kPageBytes); }

bool Ledger::Advance(uint64_t checkpoint) {
  uint64_t highest = page_->checkpoint.load();
  while (checkpoint > highest) {
    if (page_->checkpoint.compare_exchange_weak(highest, checkpoint)) return true;
  }
  return checkpoint == highest;
}

bool Ledger::Recognises(const Bytes& mac) {
  const uint64_t kin = Beginning(mac);
  uint64_t found = 0;
  return page_->kin.compare_exchange_strong(found, kin) || found == kin;
}

Ledger::Token* Ledger::Find(std::string_view label) {
  const uint64_t name = Beginning(crypto::Sha256(AsBytes(label)));
  for (Token& token : page_->tokens) {
    uint64_t found = 0;
    if (token.name.compare_exchange_strong(found, name) || found == name) return &token;
  }
  return nullptr;
}

Status Ledger::Begin(std::string_view token_label) {
  Token* const token = Find(token_label);
  if (token == nullptr) return Forbidden("there are too many tokens to remember their logins");
  if (token->refused.load() != 0) {
    return Forbidden(
        "The token refused the PIN before; it is not tried again until an operator restarts the daemon");
  }
  if (token->unended.fetch_add(1) < max_unended_) return Ok();
  token->unended.fetch_sub(1);
  return Forbidden(
      "Logins to the token began and never ended; none is tried again until an operator restarts the daemon");
}

// A PIN that was accepted is the right one: what did not end before has used up nothing.
void Ledger::End(std::string_view token_label, Ending ending) {
  Token* const token = Find(token_label);
  if (token == nullptr) return;
  switch (ending) {
    case Ending::kAccepted:
      token->unended.store(0);
      return;
    case Ending::kRefused:
      token->refused.store(1);
      [[fallthrough]];
    case Ending::kFailed:
      uint32_t unended = token->unended.load();
      while (unended > 0 && !token->unended.compare_exchange_weak(unended, unended - 1)) {
      }
      return;
  }
}

}  // namespace claviger::daemon
