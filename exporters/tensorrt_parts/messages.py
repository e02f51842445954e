"""Collects what TensorRT says, so that an error can carry the reason."""

from __future__ import annotations

from typing import Any

# Past this many, errors only repeat what follows from the first.
SHOWN = 3


def collector(trt: Any) -> Any:
    """A logger for one TensorRT that prints nothing and keeps its errors in `errors`."""

    class Collector(trt.ILogger):
        def __init__(self) -> None:
            # Not super(): the bindings demand a call of the C++ base by name.
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(message.strip())

    return Collector()


def reason(logger: Any) -> str:
    """The first errors in one line."""
    said = " ".join(" ".join(logger.errors[:SHOWN]).split())
    return said or "it gave no reason"
