"""What all connections of a worker share."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from gateway.data.access_log import AccessLog
from gateway.data.auth import Authenticator
from gateway.data.health import Health
from gateway.data.metrics import Metrics
from gateway.data.model_names import MAX_BILLED, ModelNames
from gateway.data.replicas.group import Replicas
from gateway.data.routes import HEALTH_ROUTES
from gateway.data.tabs import Tabs
from gateway.data.uploads import Uploads
from gateway.quotas.estimates import Estimates
from gateway.quotas.holder import Holder
from gateway.usage.accumulator import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long the gateway waits for whom."""

    head_s: float = 10.0
    # Longer than the 60 s of most load balancers, so that they are the ones who close.
    idle_s: float = 75.0
    body_progress_s: float = 30.0
    linger_s: float = 2.0
    handshake_s: float = 3.0
    # While the worker drains, an idle client may still send this long; then it is closed.
    drain_idle_s: float = 1.0
    upstream_s: float = 60.0
    # Of one request in all, from its head to the end of its answer.
    request_s: float = 600.0


@dataclass(slots=True, kw_only=True)
class Gate:
    """The decisions' state, the Tritons and the limits of one worker."""

    authenticator: Authenticator
    quotas: Holder
    replicas: Replicas
    metrics: Metrics
    max_body_bytes: int
    max_json_bytes: int = 8 * 1024 * 1024
    max_connections: int = 20_000
    times: Times
    # After so long a second Triton gets a request that the first has not begun to answer; 0: never.
    hedge_after_s: float = 0.0
    # Monotonic.
    now_s: Callable[[], float]
    # None: not wanted.
    access_log: AccessLog | None = None
    usage: Usage = field(default_factory=Usage)
    # More than have series of metrics: usage is billed by model.
    billed_models: ModelNames = field(default_factory=lambda: ModelNames(MAX_BILLED))
    estimates: Estimates = field(default_factory=Estimates)
    # Whether health checks are told that this gateway may be called.
    is_ready: bool = True
    # Whether connections end with their next answer.
    is_draining: bool = False
    # The time of the last sweep, by which deadlines are set: asking the clock each time costs.
    tick_s: float = field(init=False)
    uploads: Uploads = field(init=False)
    # How many connections each address has.
    addresses: Counter[str] = field(init=False)
    tabs: Tabs = field(init=False)
    # By path.
    health: dict[bytes, Health] = field(init=False)

    def __post_init__(self) -> None:
        self.tick_s = self.now_s()
        self.uploads = Uploads(self.replicas.max_connections)
        self.replicas.on_change = self._fit_uploads
        self.addresses = Counter()
        self.tabs = Tabs(self.quotas.allowances)
        self.health = {
            route.path: Health(self.replicas, route, lambda: self.tick_s) for route in HEALTH_ROUTES
        }

    def _fit_uploads(self) -> None:
        self.uploads.connections = self.replicas.max_connections


_PROCESS_ID = os.urandom(6).hex().encode()
_request_numbers = count()


def new_request_id() -> bytes:
    """Unique among gateways; a counter costs a tenth of a random id."""
    return b"%b-%x" % (_PROCESS_ID, next(_request_numbers))
