"""What of a request that is over is usage: what is counted, and on whose account."""

from typing import Protocol

from gateway.data.body import Body
from gateway.data.forwarding import Forwarding
from gateway.data.routes import TENSOR_VERBS, Route
from gateway.usage.meter import Meter

CLIENT_LEFT = 499
# For these the tensors were computed, or were being so.
COMPUTED = frozenset({200, CLIENT_LEFT})
_QUOTA_EXCEEDED = 429
_FIRST_ERROR = 500


class Metered(Protocol):
    """An exchange that is over."""

    body: Body
    route: Route | None
    forwarding: Forwarding | None


def meter(counts: Meter, exchange: Metered, status: int, triton_s: float) -> None:
    """Count the request, once."""
    forwarding = exchange.forwarding
    if forwarding is None:
        if status == _QUOTA_EXCEEDED:
            counts.refused += 1
            return
        counts.size_bytes += exchange.body.received_bytes
    else:
        counts.size_bytes += exchange.body.received_bytes + forwarding.sent_bytes
        counts.compute_us += int(triton_s * 1e6 + 0.5)
        if status in COMPUTED:
            counts.samples += samples(exchange.route, exchange.body)
            if forwarding.tells_error:
                counts.errors += 1
    counts.requests += 1
    if status >= _FIRST_ERROR:
        counts.errors += 1


def samples(route: Route | None, body: Body) -> int:
    """Batch elements of the request, as far as its body was looked at.

    Of `infer` they are known when it is forwarded, unless its JSON has 64 KiB of data before a
    shape; `generate` takes one at a time.
    """
    if route is None:
        return 0
    if route.verb == "infer":
        return body.samples
    return 1 if route.verb in TENSOR_VERBS else 0
