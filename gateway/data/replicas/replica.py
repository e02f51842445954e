"""One Triton among several: its connections, and what is known of it."""

from dataclasses import dataclass

from gateway.data.replicas.breakers import Breakers
from gateway.data.replicas.ejection import Standing
from gateway.data.upstream import Pool


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a Triton listens."""

    host: str
    port: int


class Replica:
    """A Triton; `pool` is what requests go by, `asking` what the gateway's own questions go by."""

    __slots__ = (
        "asking",
        "breakers",
        "ejections",
        "indexed_round",
        "is_being_asked",
        "is_index_due",
        "models",
        "name",
        "place",
        "pool",
        "standing",
    )

    def __init__(self, pool: Pool, asking: Pool) -> None:
        self.pool = pool
        # Requests that take all connections must not make it look dead.
        self.asking = asking
        self.name = pool.name
        # Among all that there are.
        self.place = 0
        self.standing = Standing()
        self.breakers = Breakers()
        # The models that are ready there; None: not known, so it may be any.
        self.models: frozenset[str] | None = None
        self.is_index_due = True
        self.is_being_asked = False
        # Of the watch, in which the models that are ready there were last due.
        self.indexed_round = 0
        self.ejections = 0

    @property
    def in_flight(self) -> int:
        return self.pool.in_flight

    def may_have(self, model: str) -> bool:
        """Whether a request for this model can be answered there; one for the server always."""
        return not model or self.models is None or model in self.models

    def is_fit(self, model: str) -> bool:
        """Whether nothing speaks against a request for this model."""
        return self.may_have(model) and self.standing.is_usable and not self.breakers.is_open(model)

    def close(self) -> None:
        self.pool.close()
        self.asking.close()


def new_replica(address: Address, max_connections: int) -> Replica:
    """A Triton that nothing is known of yet."""
    asking = Pool(address.host, address.port, max_connections=1)
    # Each question has a new connection: a Triton that is about to end answers on those that it
    # has, and takes no new.
    asking.rest()
    return Replica(Pool(address.host, address.port, max_connections=max_connections), asking)
