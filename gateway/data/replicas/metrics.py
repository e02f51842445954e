"""What is counted of the Tritons for Prometheus."""

from collections import Counter as Counts

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.data.replicas.ejection import State
from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Replica

# Names of hosts come and go; beyond so many Tritons these are counted together.
MAX_REPLICAS = 256
OTHERS = "others"
_NOT_SENT = ("over_budget", "nobody_left")
# Told from the start, as 0: Prometheus knows no rate of what was not there before.
REPEATS = ("unsent", "unheard", "refused", *_NOT_SENT)
HEDGES = ("won", "lost", *_NOT_SENT)


class ReplicaMetrics:
    """How each Triton stands in this worker, handed over once a second."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._up = Gauge(
            "conch_triton_up",
            "Whether a Triton gets requests: 1, or 0 while it is left out by some worker.",
            ["triton"],
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._state = Gauge(
            "conch_triton_workers",
            "Workers for which a Triton is healthy, ejected, probing or returning.",
            ["triton", "state"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._in_flight = self._gauge("conch_triton_in_flight", "Requests that a Triton has.")
        self._connections = self._gauge("conch_triton_connections", "Connections to a Triton.")
        self._breakers = self._gauge(
            "conch_triton_breakers_open", "Models that are sent elsewhere as they fail there."
        )
        self._ejections = Counter(
            "conch_triton_ejections",
            "Times that a Triton was left out.",
            ["triton"],
            registry=registry,
        )
        self._repeats = Counter(
            "conch_triton_retries",
            "Requests that were sent to another Triton: unsent, unheard or refused before; "
            "or not, as over_budget or nobody_left.",
            ["outcome"],
            registry=registry,
        )
        self._hedges = Counter(
            "conch_triton_hedges",
            "Requests that a second Triton got as well, the first being slow: won or lost by it; "
            "or not, as over_budget or nobody_left.",
            ["outcome"],
            registry=registry,
        )
        for counter, outcomes in ((self._repeats, REPEATS), (self._hedges, HEDGES)):
            for outcome in outcomes:
                counter.labels(outcome)
        self._labels: set[str] = set()
        self._shown: set[str] = set()
        self._told: dict[tuple[object, ...], int] = {}
        self._counted: Counts[str] = Counts()
        self._repeated: Counts[str] = Counts()
        self._hedged: Counts[str] = Counts()

    def publish(self, group: Replicas) -> None:
        """Hand over how things stand."""
        by_label: dict[str, list[Replica]] = {}
        for replica in group.all:
            by_label.setdefault(self._label(replica), []).append(replica)
        for label, replicas in by_label.items():
            self._show(label, replicas)
        for label in self._shown - by_label.keys():
            self._show(label, [])
        self._shown = set(by_label)
        _add_up(self._repeats, group.repeats, self._repeated)
        _add_up(self._hedges, group.hedges, self._hedged)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, ["triton"], registry=self._registry, multiprocess_mode="livesum")

    def _label(self, replica: Replica) -> str:
        if replica.name not in self._labels:
            if len(self._labels) >= MAX_REPLICAS:
                return OTHERS
            self._labels.add(replica.name)
        return replica.name

    def _show(self, label: str, replicas: list[Replica]) -> None:
        usable = [replica for replica in replicas if replica.standing.is_usable]
        self._set(self._up, label, value=bool(usable) and len(usable) == len(replicas))
        for state in State:
            count = sum(replica.standing.state is state for replica in replicas)
            self._set(self._state, label, state.value, value=count)
        self._set(self._in_flight, label, value=sum(one.in_flight for one in replicas))
        connections = sum(replica.pool.open_connections for replica in replicas)
        self._set(self._connections, label, value=connections)
        self._set(self._breakers, label, value=sum(one.breakers.open_models for one in replicas))
        ejections = sum(replica.ejections for replica in replicas)
        if label not in self._counted or ejections > self._counted[label]:
            self._ejections.labels(label).inc(ejections - self._counted[label])
        self._counted[label] = ejections

    def _set(self, gauge: Gauge, *labels: str, value: int) -> None:
        # Among many Tritons most stand as they did, and prometheus_client's files cost more.
        key: tuple[object, ...] = (gauge, *labels)
        if self._told.get(key) != value:
            gauge.labels(*labels).set(value)
            self._told[key] = value


def _add_up(counter: Counter, outcomes: Counts[str], told: Counts[str]) -> None:
    """Count what was not told before."""
    for outcome, count in outcomes.items():
        counter.labels(outcome).inc(count - told[outcome])
        told[outcome] = count
