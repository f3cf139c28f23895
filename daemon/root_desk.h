#pragma once
// What a new root key needs besides the HSM: the database, where nodes work on it, and a terminal that shows
// how far they are.

#include <memory>

#include "daemon/config.h"
#include "daemon/operator_desk.h"
#include "daemon/root_rotation.h"

namespace claviger::daemon {

std::unique_ptr<RootDesk> MakeRootDesk(const Config& config);

// With its record; false if there is nothing to pause.
Outcome<bool> PauseRotation(OperatorDesk& desk);
// How far the last one is, and which vaults it waits for.
Outcome<void> TellRotation(OperatorDesk& desk);

}  // namespace claviger::daemon
