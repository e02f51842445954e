"""What a worker counts for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

MAX_MODELS = 1000
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_OK = 200


class Metrics:
    """Requests by model and status, their latency, and how many are in flight.

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
        self.in_flight = 0
        self._models = {""}
        # Looking a child up by its labels costs more than counting.
        self._counters: dict[tuple[str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def observe(self, model: str, status: int, seconds: float) -> None:
        """One request is done."""
        if model not in self._models:
            model = self._admit_label(model, status)
        counter = self._counters.get((model, status))
        if counter is None:
            counter = self._requests.labels(model, str(status))
            self._counters[model, status] = counter
        histogram = self._histograms.get(model)
        if histogram is None:
            histogram = self._histograms[model] = self._latency.labels(model)
        counter.inc()
        histogram.observe(seconds)

    def observe_stream_error(self, model: str) -> None:
        """A stream of events ended in an error."""
        self._stream_errors.labels(model if model in self._models else "").inc()

    def publish(self) -> None:
        """Write what changes too often to be written each time."""
        self._in_flight.set(self.in_flight)

    def _admit_label(self, model: str, status: int) -> str:
        if status != _OK or len(self._models) > MAX_MODELS:
            return ""
        self._models.add(model)
        return model
