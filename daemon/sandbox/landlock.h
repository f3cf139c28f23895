#pragma once
// Landlock (landlock(7)): which files a process may touch, as far as its kernel knows. Debian 12's (ABI 2)
// knows about files, later ones about TCP (4), device files (5), signals and abstract sockets (6) as well.

#include <string>
#include <vector>

#include "base/error.h"

namespace claviger::daemon {

// A file, or a directory with all below it.
struct Reach {
  std::string path;  // nothing is there: nothing is allowed
  bool write = false;
};

struct Fence {
  std::vector<Reach> reaches;
  // What else goes beyond the process itself.
  bool tcp = false;
  bool abstract_sockets = false;
  bool signals = false;
};

// The kernel's ABI; 0: it has no Landlock, or it is switched off.
int LandlockAbi();

// From now on this thread, and all that it starts, reach nothing else. What is open stays so. Nothing takes
// it back. No failure where the kernel knows less, or nothing at all. Needs no_new_privs.
Status Enclose(const Fence& fence);

}  // namespace claviger::daemon
