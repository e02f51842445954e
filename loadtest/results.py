"""What a load test measured, as it is kept in `result.json`.

The words of this wing: a *run* is one call of a plan; it has *steps*, each one load held for some
time; a step is seen in *windows* of a second. Times end in their unit. Every type here is plain
data that msgspec reads and writes; fields are only ever added, so that old runs stay comparable.
"""

from enum import StrEnum

import msgspec

SCHEMA_VERSION = 1


class Loop(StrEnum):
    """How requests are started."""

    CLOSED = "closed"  # a user sends the next request when the last one was answered
    OPEN = "open"  # requests have planned times that no answer delays


class Bottleneck(StrEnum):
    """What kept a step from doing more."""

    NONE = "none"  # it did what was asked of it
    COMPUTE = "compute"
    QUEUE = "queue"
    GATEWAY = "gateway"
    LIMITER = "limiter"
    GENERATOR = "generator"
    UNKNOWN = "unknown"


class Histogram(msgspec.Struct, frozen=True):
    """Counts of latencies by logarithmic bucket: bucket number -> count (see histogram.py)."""

    counts: dict[int, int] = {}
    max_us: float = 0.0
    sum_us: float = 0.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a step asks of the generator: `users` in a closed loop, `rate` in an open one."""

    loop: Loop
    duration_s: float  # measured: the warm-up goes before it
    warmup_s: float = 0.0
    users: int = 0
    rate: float = 0.0  # requests a second planned
    arrivals: str = "constant"  # constant, poisson, burst:SIZE, ramp:FROM, replay:FILE
    max_in_flight: int = 1000  # an arrival past it is missed, and counted


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One second of a step, warm-up included; `at_s` counts from the start of the step."""

    at_s: int
    warmup: bool
    planned: int  # arrivals due in this second (open loop)
    sent: int
    missed: int  # due, and not sent because too many were in flight
    answered: int  # good answers
    limited: int  # 429
    errors: dict[str, int]  # name of the failure -> count
    service: Histogram  # from the sending to the end of the answer, good answers only
    corrected: Histogram  # from the planned time to the end of the answer (open loop only)
    first_event: Histogram = Histogram()  # to the first event of a stream
    in_flight: int = 0  # at the end of the second
    generator_cpu: float = 0.0  # cores of the busiest generator process, 1.0 is all of one
    generator_cores: float = 0.0  # of all generator processes together


class ModelCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Differences of Triton's statistics of one model over a step; times in nanoseconds."""

    success: int = 0
    fail: int = 0
    inferences: int = 0  # samples
    executions: int = 0  # batches
    success_ns: int = 0
    queue_ns: int = 0
    compute_input_ns: int = 0
    compute_infer_ns: int = 0
    compute_output_ns: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    batches: dict[int, int] = {}  # batch size -> executions
    busy_ns: int = 0  # of all executions: what compute_*_ns say once for each of their requests
    instances: int = 0  # that can execute at the same time; 0 where the server does not tell
    composing: list[str] = []  # of an ensemble: the model of each of its steps

    @property
    def mean_batch(self) -> float:
        """Samples in the mean execution; 0 when nothing ran."""
        return self.inferences / self.executions if self.executions else 0.0


class GatewayCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Differences of the gateway's metrics over a step."""

    requests: dict[str, int] = {}  # status -> count
    decisions: dict[str, int] = {}  # outcome of the limiter -> count
    duration_s: float = 0.0  # sum over requests, head to end of the answer
    duration_count: int = 0
    overhead_s: float = 0.0  # the part that was not Triton's
    overhead_count: int = 0
    cpu_s: float = 0.0  # of all its processes on this machine; 0 when they cannot be seen
    workers: int = 0  # that listen on its port; 0 when they cannot be seen
    limiter_mode: int = 0  # the worst seen


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """The mean latency of a good answer in milliseconds, by where it was spent."""

    generator_ms: float  # planned but not yet sent
    network_ms: float  # neither Triton nor gateway nor generator: sockets, kernel, wire
    gateway_ms: float
    queue_ms: float
    compute_ms: float  # input, infer and output together


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One load and what came of it. Sums and histograms are without the warm-up."""

    label: str
    load: Load
    windows: list[Window]
    seconds: float  # measured, without the warm-up
    models: dict[str, ModelCounts] = {}
    gateway: GatewayCounts | None = None  # none when Triton was called directly
    triton_cpu_s: float = 0.0  # of Triton and its backends; 0 when they cannot be seen
    observed_s: float = 0.0  # between the looks at Triton and gateway: what their counts are over
    machine_cpu: float = 0.0  # share of all cores that anything used, between 0 and 1
    breakdown: Breakdown | None = None
    bottleneck: Bottleneck = Bottleneck.UNKNOWN
    bottleneck_reason: str = ""  # the figures that named it
    invalid: list[str] = []  # reasons why these figures must not be trusted
    notes: list[str] = []  # what could not be seen, and what limits a figure without spoiling it
    objective: str = ""  # of a search: `held`, `missed (WHAT): WHY` or `not judged: WHY`


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run took place."""

    cores: int
    processor: str
    memory_bytes: int
    system: str
    python: str
    load_average: float


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a plan: all that `result.json` holds."""

    schema_version: int = SCHEMA_VERSION
    plan: str
    started_at: str  # RFC 3339, UTC
    commit: str  # of the checkout; empty outside one
    options: dict[str, str]  # the command line, secrets left out
    machine: Machine
    triton: dict[str, str]  # version and the options that it tells
    models: dict[str, str]  # model -> hash of its configuration and versions served
    steps: list[Step]
    answer: dict[str, float | str] = {}  # what the plan was asked, e.g. the rate that holds
    invalid: list[str] = []
    traffic: dict[str, str] = {}  # what was sent and where to; empty in runs of before it was kept
