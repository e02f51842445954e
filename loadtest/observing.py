"""Looks at Triton, the gateway and this machine at the start and the end of a measurement.

    with Observer(Targets(models=["mnist_cnn"], triton_url=..., gateway_url=...)) as observer:
        watch = Watch(observer, load)
        windows = generators.run(load, watch.on_window)
        step = judged_step(label, load, windows, watch.observed())

What cannot be seen is told in notes and is no error: a load on servers elsewhere is measured all
the same, only not explained.
"""

import ssl
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import httpx2

from loadtest.breakdown import GATEWAY_NOT_KNOWN
from loadtest.errors import MeasuringError
from loadtest.gateway_metrics import GatewayTotals, gateway_between, look_at_gateway
from loadtest.processor_time import Server, look_at_server, machine_cpu_s
from loadtest.results import GatewayCounts, Load, ModelCounts, Window
from loadtest.triton_statistics import Counters, TritonStatistics

_TIMEOUT_S = 5.0
# NTP mends the wall clock by less than this in a step; more is a jump, or a machine that slept.
_CLOCK_TOLERANCE_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Where to look; an address that is empty is not looked at."""

    models: Sequence[str]
    triton_url: str = ""
    # The data plane; empty where the load goes to Triton directly.
    gateway_url: str = ""
    admin_url: str = ""
    ca_file: str = ""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Everything as it was at one moment."""

    monotonic_s: float
    wall_s: float
    machine: tuple[float, float]
    triton: Counters | None
    gateway: GatewayTotals | None
    triton_server: Server | None
    gateway_server: Server | None
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What came about between two looks."""

    seconds: float
    models: dict[str, ModelCounts] = field(default_factory=dict)
    gateway: GatewayCounts | None = None
    triton_cpu_s: float = 0.0
    machine_cpu: float = 0.0
    # Why it must not be trusted, and what could not be seen.
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Observer(AbstractContextManager["Observer"]):
    """Looks, and compares two looks."""

    def __init__(self, targets: Targets) -> None:
        """Raises MeasuringError where the file of certificates cannot be read."""
        self._targets = targets
        self._client = httpx2.Client(
            verify=_trusted(targets.ca_file), timeout=_TIMEOUT_S, trust_env=False
        )
        self._notes: list[str] = []
        self.statistics = self._statistics()
        self.last: Look | None = None

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def look(self) -> Look:
        """Look at everything now."""
        notes = list(self._notes)
        triton = self._look_at_triton(notes)
        gateway = self._look_at_gateway(notes)
        targets = self._targets
        self.last = Look(
            monotonic_s=time.monotonic(),
            wall_s=time.time(),
            machine=machine_cpu_s(),
            triton=triton,
            gateway=gateway,
            triton_server=look_at_server(targets.triton_url) if targets.triton_url else None,
            gateway_server=look_at_server(targets.gateway_url) if targets.gateway_url else None,
            notes=notes,
        )
        return self.last

    def between(self, before: Look, after: Look) -> Observed:
        """What came about between two looks."""
        models, reasons = self._counted(before, after)
        reasons = _clock_reasons(before, after) + reasons + _all_restarts([before, after])
        if self.statistics and after.triton is None:
            reasons.append(
                "Triton was restarted or did not answer: its statistics were not read at the end"
            )
        gateway, more = _gateway(before, after)
        return Observed(
            seconds=after.monotonic_s - before.monotonic_s,
            models=models,
            gateway=gateway,
            triton_cpu_s=_cpu_s(before.triton_server, after.triton_server),
            machine_cpu=_share(before.machine, after.machine),
            reasons=reasons + more,
            notes=list(dict.fromkeys(before.notes + after.notes)),
        )

    def restarts(self, looks: Sequence[Look]) -> list[str]:
        """What of the servers began anew between any of these looks and the next."""
        # A look that Triton did not answer tells nothing of its counters.
        answered = [look for look in looks if look.triton is not None]
        counted = [reason for pair in pairwise(answered) for reason in self._counted(*pair)[1]]
        return counted + _all_restarts(looks)

    def _counted(self, before: Look, after: Look) -> tuple[dict[str, ModelCounts], list[str]]:
        if self.statistics is None or before.triton is None or after.triton is None:
            return {}, []
        return self.statistics.between(before.triton, after.triton)

    def _statistics(self) -> TritonStatistics | None:
        if not self._targets.triton_url:
            self._notes.append("queue and compute are not known: no address of Triton was given")
            return None
        try:
            return TritonStatistics(self._client, self._targets.triton_url, self._targets.models)
        except MeasuringError as error:
            self._notes.append(f"queue and compute are not known: {error}")
            return None

    def _look_at_triton(self, notes: list[str]) -> Counters | None:
        if self.statistics is None:
            return None
        try:
            return self.statistics.look()
        except MeasuringError as error:
            notes.append(f"queue and compute are not known: {error}")
            return None

    def _look_at_gateway(self, notes: list[str]) -> GatewayTotals | None:
        if not self._targets.gateway_url:
            return None
        if not self._targets.admin_url:
            notes.append(f"{GATEWAY_NOT_KNOWN}: no address of its admin plane was given")
            return None
        try:
            return look_at_gateway(self._client, self._targets.admin_url)
        except MeasuringError as error:
            notes.append(f"{GATEWAY_NOT_KNOWN}: {error}")
            return None


class Watch:
    """The looks of one step: at its start, at the end of its warm-up, and when all was answered.

    Counts are those between the last two. A restart may be anywhere, also since the step before.
    """

    def __init__(self, observer: Observer, load: Load) -> None:
        self._observer = observer
        self._warmup_s = load.warmup_s
        self._looks = [*([observer.last] if observer.last else []), observer.look()]

    def on_window(self, window: Window) -> None:
        """Tell of a second as soon as it is over."""
        if window.warmup and window.at_s + 1 >= self._warmup_s:
            self._looks.append(self._observer.look())

    def observed(self) -> Observed:
        """What came about since the warm-up, and reasons against it from before, too."""
        self._looks.append(self._observer.look())
        observed = self._observer.between(*self._looks[-2:])
        reasons = observed.reasons + self._observer.restarts(self._looks)
        return replace(observed, reasons=list(dict.fromkeys(reasons)))


def _trusted(ca_file: str) -> ssl.SSLContext | bool:
    if not ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise MeasuringError(
            f"{ca_file} holds no certificates that can be read ({error}); name a PEM file."
        ) from error


def _gateway(before: Look, after: Look) -> tuple[GatewayCounts | None, list[str]]:
    if before.gateway is None or after.gateway is None:
        return None, []
    return gateway_between(
        before.gateway,
        after.gateway,
        cpu_s=_cpu_s(before.gateway_server, after.gateway_server),
        workers=after.gateway_server.listeners if after.gateway_server else 0,
    )


def _clock_reasons(before: Look, after: Look) -> list[str]:
    jump_s = (after.wall_s - before.wall_s) - (after.monotonic_s - before.monotonic_s)
    if abs(jump_s) < _CLOCK_TOLERANCE_S:
        return []
    return [f"the clock jumped by {jump_s:+.1f} s: it was set, or the machine slept"]


def _all_restarts(looks: Sequence[Look]) -> list[str]:
    servers = {
        "Triton": [look.triton_server for look in looks],
        "the gateway": [look.gateway_server for look in looks],
    }
    return [reason for name, seen in servers.items() for reason in _restarts(name, seen)]


def _restarts(name: str, servers: Sequence[Server | None]) -> list[str]:
    seen = [server.processes for server in servers if server is not None]
    # Workers of a gateway come and go; where none of the first ones is left, it was restarted.
    if all(before & after for before, after in pairwise(seen)):
        return []
    return [f"{name} was restarted: other processes listen on its port now"]


def _cpu_s(before: Server | None, after: Server | None) -> float:
    if before is None or after is None:
        return 0.0
    return max(0.0, after.cpu_s - before.cpu_s)


def _share(before: tuple[float, float], after: tuple[float, float]) -> float:
    had_s = after[1] - before[1]
    return min(1.0, max(0.0, (after[0] - before[0]) / had_s)) if had_s > 0 else 0.0
