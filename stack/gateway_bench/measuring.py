"""Contenders measured from outside, in rounds in which every one has a turn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stack.errors import TrialError
from stack.gateway_bench.load import Load, LoadResult
from stack.gateway_bench.processes import Server
from stack.process_usage import group_cpu, group_peak_bytes

CONNECTIONS = 32
_WARM_UP_S = 1
# Of each of many keys, before it is measured.
_USES = 20


@dataclass(frozen=True)
class Measurement:
    """What one turn showed; CPU is of the contender's whole process group."""

    per_second: float
    mb_per_second: float
    user_us: float
    system_us: float
    peak_mb: float
    # At one connection; None where it was not asked for.
    p50_us: int | None

    @property
    def cpu_us(self) -> float:
        """Processor time a request."""
        return self.user_us + self.system_us


@dataclass
class Run:
    """A contender and its load; what the rounds show gathers in `measured`."""

    name: str
    server: Server
    port: int
    load: Load
    with_latency: bool = False
    warm_peak_mb: float = 0.0
    measured: list[Measurement] = field(default_factory=list)

    def each(self, figure: Callable[[Measurement], float]) -> list[float]:
        """A figure of every round."""
        return [figure(measurement) for measurement in self.measured]


def measure_in_rounds(runs: Sequence[Run], *, rounds: int, seconds: int) -> None:
    """Warm all up, then let each have its turn in every round, another one first each time."""
    for run in runs:
        _warm_up(run)
    for number in range(rounds):
        first = number % len(runs)
        for run in (*runs[first:], *runs[:first]):
            run.measured.append(_measure(run, seconds))


def _warm_up(run: Run) -> None:
    """Long enough that every key has been used often: its lease has found its size, and the records
    have a row of it."""
    sent = 0
    while True:
        result = _load(run, CONNECTIONS, _WARM_UP_S, first=sent)
        sent += result.requests
        if len(run.load.traffic.tokens) == 1 or sent >= _USES * len(run.load.traffic.tokens):
            break
    run.warm_peak_mb = _peak_mb(run)


def _measure(run: Run, seconds: int) -> Measurement:
    before = group_cpu(run.server.group)
    result = _load(run, CONNECTIONS, seconds)
    after = group_cpu(run.server.group)
    traffic = run.load.traffic
    sent_bytes = result.requests * len(traffic.tensor.body)
    return Measurement(
        per_second=result.per_second,
        mb_per_second=(sent_bytes + result.bytes) / result.duration_us,
        user_us=(after.user_s - before.user_s) * 1e6 / result.requests,
        system_us=(after.system_s - before.system_s) * 1e6 / result.requests,
        peak_mb=_peak_mb(run),
        p50_us=_p50_us(run, seconds) if run.with_latency else None,
    )


def _p50_us(run: Run, seconds: int) -> int:
    return _load(run, 1, seconds).p50_us


def _load(run: Run, connections: int, seconds: int, first: int = 0) -> LoadResult:
    try:
        return run.load.run(run.port, connections=connections, seconds=seconds, first=first)
    except TrialError as error:
        raise TrialError(f"{run.name}: {error}") from error


def _peak_mb(run: Run) -> float:
    return group_peak_bytes(run.server.group) / 1e6
