"""Steps and runs with figures that a test chooses; what it does not care for is sound."""

from typing import Any

import msgspec

from loadtest.histogram import LatencyHistogram
from loadtest.results import (
    GatewayCounts,
    Histogram,
    Load,
    Loop,
    Machine,
    ModelCounts,
    Run,
    Step,
    Window,
)

MS = 1_000_000  # nanoseconds


def all_of(latency_ms: float, number: int) -> Histogram:
    """A histogram of so many equal latencies."""
    recorded = LatencyHistogram()
    for _ in range(number):
        recorded.record(latency_ms * 1e3)
    return recorded.frozen()


def a_window(
    at_s: int = 0, *, answered: int = 100, service_ms: float = 5.0, **changes: Any
) -> Window:
    """A second in which everything was answered in the same time."""
    corrected_ms = changes.pop("corrected_ms", service_ms)
    given: dict[str, Any] = {
        "at_s": at_s,
        "warmup": False,
        "planned": answered,
        "sent": answered,
        "missed": 0,
        "answered": answered,
        "limited": 0,
        "errors": {},
        "service": all_of(service_ms, answered),
        "corrected": all_of(corrected_ms, answered),
    }
    return Window(**(given | changes))


def a_step(*, windows: list[Window] | None = None, **changes: Any) -> Step:
    """Ten seconds at 100 requests a second, in an open loop."""
    windows = windows if windows is not None else [a_window(n) for n in range(10)]
    seconds = float(sum(not window.warmup for window in windows))
    given: dict[str, Any] = {
        "label": "100/s",
        "load": Load(loop=Loop.OPEN, rate=100, duration_s=seconds, warmup_s=2),
        "windows": windows,
        "seconds": seconds,
        "observed_s": seconds,
        "models": {"digits": some_counts(1000, busy_ms=2000)},
    }
    return Step(**(given | changes))


def closed(step: Step) -> Step:
    """The same with users instead of a rate."""
    load = msgspec.structs.replace(step.load, loop=Loop.CLOSED, users=4, rate=0.0)
    return msgspec.structs.replace(step, load=load)


def some_counts(
    success: int, *, queue_ms: float = 0.5, compute_ms: float = 2.0, busy_ms: float = 0, **more: Any
) -> ModelCounts:
    """Counters whose means a request are those given."""
    given: dict[str, Any] = {
        "success": success,
        "inferences": success,
        "executions": success,
        "queue_ns": round(success * queue_ms * MS),
        "compute_infer_ns": round(success * compute_ms * MS),
        "busy_ns": round(busy_ms * MS),
        "instances": 1,
        "batches": {1: success},
    }
    return ModelCounts(**(given | more))


def some_gateway(requests: int, *, overhead_ms: float = 0.1, **more: Any) -> GatewayCounts:
    """Counts of a gateway with one worker."""
    given: dict[str, Any] = {
        "requests": {"200": requests},
        "overhead_s": requests * overhead_ms / 1e3,
        "overhead_count": requests,
        "workers": 1,
        "cpu_s": 1.0,
    }
    return GatewayCounts(**(given | more))


def a_run(*steps: Step, **changes: Any) -> Run:
    """A sweep of these steps."""
    given: dict[str, Any] = {
        "plan": "sweep",
        "started_at": "2026-11-26T20:00:00Z",
        "commit": "0123abc",
        "options": {"model": "digits", "duration": "10s"},
        "machine": Machine(
            cores=2,
            processor="Test CPU <3 GHz>",
            memory_bytes=8 * 2**30,
            system="Linux 6.1",
            python="3.11.9",
            load_average=0.3,
        ),
        "triton": {"name": "triton", "version": "2.51.0"},
        "models": {"digits": "8c0ffee123456789"},
        "steps": list(steps or [a_step()]),
    }
    return Run(**(given | changes))
