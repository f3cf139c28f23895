#pragma once
#include <string>

namespace claviger::daemon {

// Version and the linker's build id of the program that runs: two processes with the same text run the same
// code.
std::string BuildId();

}  // namespace claviger::daemon
