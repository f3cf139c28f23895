#pragma once
// Linking wiping_delete.cc into a program replaces the global operator delete by one that overwrites every
// block before it is released, so that no freed buffer of ours or of a library keeps a secret.

namespace claviger::daemon {

// Keeps the large blocks of bodies inside the heap instead of mapping and unmapping them for each request.
// Call first in main. Without effect in sanitizer builds.
void TuneMalloc();

}  // namespace claviger::daemon
