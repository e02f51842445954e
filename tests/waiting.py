"""How every test waits: for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], Any], timeout_s: float = 10, what: str = "") -> Any:
    """Return the first true value of the condition; fail when the time is up."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, what or f"not reached within {timeout_s} s"
        time.sleep(0.02)
    return value
