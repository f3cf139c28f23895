#pragma once
// What can be done with a vault and with the secrets in it.

#include <cstdint>

namespace claviger::api {

enum class Permission : uint8_t {
  kRead,
  kWrite,
  kDelete,
  kList,    // secrets, of which only those are shown that may be read
  kManage,  // the vault itself
  kGrant,   // its policies
};

// What a policy allows. None of them implies another, but who may write may also delete: a write of nothing.
struct Permissions {
  bool read = false;
  bool write = false;
  bool remove = false;

  bool Allow(Permission permission) const {
    switch (permission) {
      case Permission::kRead:
      case Permission::kList:
        return read;
      case Permission::kWrite:
        return write;
      case Permission::kDelete:
        return write || remove;
      case Permission::kManage:
      case Permission::kGrant:
        return false;
    }
    return false;
  }
  bool empty() const { return !read && !write && !remove; }
  friend bool operator==(const Permissions&, const Permissions&) = default;
};

}  // namespace claviger::api
