"""What the requests of a run are: where they go, which models they ask, and whose they are.

How many and when is a `Load` (results.py). Keys stay in the environment: here are only the names.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

# Where a key is looked for unless its variable is named.
KEY_VARIABLE = "CONCH_API_KEY"


class Transport(StrEnum):
    """How a request travels."""

    HTTP = "http"
    GRPC = "grpc"
    STREAM = "stream"  # HTTP, `generate_stream`: events, of which the first one is timed too


class ModelShare(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the mix; weights are relative to the others of the same list."""

    name: str
    version: str = ""  # empty: the one that the server chooses
    weight: float = 1.0
    # Samples in a request -> weight.
    batches: dict[int, float] = msgspec.field(default_factory=lambda: {1: 1.0})


class KeyShare(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant of the mix, with the environment variable that holds its API key."""

    tenant: str
    variable: str
    weight: float = 1.0


class Bounds(msgspec.Struct, frozen=True):
    """Smallest and largest size of a dynamic axis, both included."""

    low: int
    high: int


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of a run."""

    url: str  # http://HOST:PORT or https://HOST:PORT; with gRPC the same or HOST:PORT
    models: list[ModelShare]
    transport: Transport = Transport.HTTP
    keys: list[KeyShare] = []  # empty: without a key
    ca_file: str = ""  # PEM of who signed the server's certificate; empty: the system's
    dimensions: dict[str, Bounds] = {}  # "INPUT" or "INPUT.AXIS" (0 follows the batch)
    samples: str = ""  # .npz, .npy or .png whose values are sent instead of random ones
    pool: int = 16  # different bodies made for each model and batch
    seed: int = 0
    timeout_s: float = 30.0  # of one request, until the end of its answer


def traffic_values(traffic: Traffic) -> dict[str, str]:
    """What two runs must have in common to be compared, in words; keys by their variables' names.

    >>> traffic_values(Traffic(url="http://gateway", models=[ModelShare(name="cnn")]))["batch"]
    '1'
    """
    mixes = dict.fromkeys(_weighted(share.batches) for share in traffic.models)
    return {
        "url": traffic.url,
        "transport": traffic.transport.value,
        "models": _weighted({_versioned(share): share.weight for share in traffic.models}),
        "batch": "; ".join(mixes),
        "keys": _weighted({share.variable: share.weight for share in traffic.keys}) or "none",
        "dimensions": ", ".join(
            f"{name}={bounds.low}:{bounds.high}" for name, bounds in traffic.dimensions.items()
        ),
        "samples": traffic.samples,
        "pool": str(traffic.pool),
        "seed": str(traffic.seed),
        "timeout": f"{traffic.timeout_s:g}s",
    }


def _versioned(share: ModelShare) -> str:
    return f"{share.name}:{share.version}" if share.version else share.name


def _weighted(weights: Mapping[str, float] | Mapping[int, float]) -> str:
    """As on the command line; a weight of 1 is left out: `cnn=3, mlp`."""
    return ", ".join(
        f"{what}={weight:g}" if weight != 1 else str(what) for what, weight in weights.items()
    )
