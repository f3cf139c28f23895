"""Fixtures that every black-box suite shares; see tests/support/fixtures.py."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ["support.fixtures"]

# A shell starts what runs in its background with SIGINT ignored, and so would be every program under test.
signal.signal(signal.SIGINT, signal.default_int_handler)
