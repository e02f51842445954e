"""What a worker counts for Prometheus."""

from bisect import bisect_left

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.data.model_names import ModelNames
from gateway.data.tenant_metrics import TenantMetrics
from gateway.quotas.metrics import QuotaMetrics

MAX_MODELS = 1000
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
OVERHEAD_BUCKETS_S = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0),
)
_OK = 200


class Latencies:
    """How many observations fell into each bucket, and their sum, since it was published last."""

    __slots__ = ("_bounds_s", "_counts", "_sum_s")

    def __init__(self, bounds_s: tuple[float, ...]) -> None:
        self._bounds_s = bounds_s
        self._counts = [0] * (len(bounds_s) + 1)
        self._sum_s = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds_s, seconds)] += 1
        self._sum_s += seconds

    def publish(self, histogram: Histogram) -> None:
        # prometheus_client has no call for many observations at once.
        histogram._sum.inc(self._sum_s)
        for bucket, count in zip(histogram._buckets, self._counts, strict=True):
            if count:
                bucket.inc(count)
        self._counts = [0] * len(self._counts)
        self._sum_s = 0.0


class Series:
    """What one model counts: its requests by status, and their latency."""

    __slots__ = (
        "_counters",
        "_histogram",
        "_latencies",
        "_model",
        "_others",
        "_requests",
        "_succeeded",
    )

    def __init__(self, requests: Counter, latency: Histogram, model: str) -> None:
        self._requests = requests
        self._model = model
        self._histogram: Histogram = latency.labels(model)
        # Looking a child up by its labels costs more than counting.
        self._counters: dict[int, Counter] = {}
        # Most are; with many models in use each one's dictionary is memory to be fetched.
        self._succeeded = 0
        # By status.
        self._others: dict[int, int] = {}
        self._latencies = Latencies(BUCKETS_S)

    def add(self, status: int, seconds: float) -> None:
        """One request is done."""
        if status == _OK:
            self._succeeded += 1
        else:
            self._others[status] = self._others.get(status, 0) + 1
        self._latencies.add(seconds)

    def publish(self) -> None:
        """Hand over what was counted since the last time."""
        if self._succeeded:
            self._count(_OK, self._succeeded)
        elif not self._others:
            return
        for status, count in self._others.items():
            self._count(status, count)
        self._succeeded = 0
        self._others.clear()
        self._latencies.publish(self._histogram)

    def _count(self, status: int, count: int) -> None:
        counter = self._counters.get(status)
        if counter is None:
            counter = self._counters[status] = self._requests.labels(self._model, str(status))
        counter.inc(count)


class Metrics:
    """Requests by model and status, their latency and the gateway's part in it, those in flight.

    They are counted here and handed to prometheus_client by `publish`, once a second:
    its files cost more than a request's own decisions.
    A model gets a label of its own once Triton has answered for it with success: the names that
    clients make up do not become series.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "conch_requests",
            "Requests answered, by model ('' where none was found) and status.",
            ["model", "status"],
            registry=registry,
        )
        self._latency = Histogram(
            "conch_request_duration_seconds",
            "From a request's head to the end of its answer.",
            ["model"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._overhead = Histogram(
            "conch_gateway_overhead_seconds",
            "Of the requests that went to Triton the time that was not Triton's: waiting for the "
            "client's body, for a connection, and the gateway's own work.",
            buckets=OVERHEAD_BUCKETS_S,
            registry=registry,
        )
        self._stream_errors = Counter(
            "conch_stream_errors",
            "Answers of generate and generate_stream with status 200 that told an error, by model.",
            ["model"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "conch_requests_in_flight",
            "Requests whose head was read and that are not answered yet.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.tenants = TenantMetrics(registry)
        self.quotas = QuotaMetrics(registry)
        self.in_flight = 0
        self._models = ModelNames(MAX_MODELS)
        self.overheads = Latencies(OVERHEAD_BUCKETS_S)
        self._series: dict[str, Series] = {}

    def series(self, model: str, *, has_succeeded: bool) -> Series:
        """Where requests for this model count; whether Triton answered one with status 200."""
        model = self._models.name(model, has_succeeded=has_succeeded)
        series = self._series.get(model)
        if series is None:
            series = self._series[model] = Series(self._requests, self._latency, model)
        return series

    def observe(self, model: str, status: int, seconds: float) -> None:
        """One request is done."""
        self.series(model, has_succeeded=status == _OK).add(status, seconds)

    def observe_stream_error(self, model: str) -> None:
        """A stream of events ended in an error."""
        # Its status was 200.
        model = self._models.name(model, has_succeeded=True)
        self._stream_errors.labels(model).inc()

    def publish(self) -> None:
        """Hand over what was counted since the last time."""
        self._in_flight.set(self.in_flight)
        for series in self._series.values():
            series.publish()
        self.overheads.publish(self._overhead)
