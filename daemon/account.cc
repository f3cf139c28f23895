#include "daemon/account.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace claviger::daemon {
namespace {

constexpr size_t kEntryBytes = 16 * 1024;

}  // namespace

Account Account::Own() { return {::geteuid(), ::getegid()}; }

Result<Account> Account::Named(const std::string& name) {
  std::vector<char> room(kEntryBytes);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
  if (found == nullptr) return Invalid("there is no account " + name);
  return Account{found->pw_uid, found->pw_gid};
}

Status Become(const Account& account) {
  const bool became = ::setgroups(0, nullptr) == 0 &&
                      ::setresgid(account.group, account.group, account.group) == 0 &&
                      ::setresuid(account.user, account.user, account.user) == 0;
  if (!became) return Forbidden(std::string("the account cannot be changed: ") + std::strerror(errno));
  uid_t users[3];
  gid_t groups[3];
  const bool certain = account.user != 0 && ::getresuid(&users[0], &users[1], &users[2]) == 0 &&
                       ::getresgid(&groups[0], &groups[1], &groups[2]) == 0 && users[0] == account.user &&
                       users[1] == account.user && users[2] == account.user && groups[0] == account.group &&
                       groups[1] == account.group && groups[2] == account.group && ::setuid(0) != 0;
  if (!certain) return Forbidden("the process is still the superuser");
  return Ok();
}

}  // namespace claviger::daemon
