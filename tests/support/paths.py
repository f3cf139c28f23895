"""Where things are. CLAVIGER_BUILD_DIR names the build under test."""

import os
import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CLAVIGER_BUILD_DIR", SOURCE / "build" / "release")).resolve()
CLAVIGERD = BUILD / "daemon" / "clavigerd"
CLAVIGER = BUILD / "cli" / "claviger"
FAULT_MODULE = BUILD / "tests" / "hsm" / "libclaviger_fault_module.so"
SANITIZED = re.search(r"^CLAVIGER_SANITIZE:\w+=\w", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE) is not None
SOFTHSM_MODULE = next(
    (path for path in map(Path, ("/usr/lib/softhsm/libsofthsm2.so",
                                 "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")) if path.exists()),
    Path("/usr/lib/softhsm/libsofthsm2.so"))
