"""Who calls, once it is known."""

from dataclasses import dataclass, field
from math import inf

from gateway.data.log_members import members
from gateway.data.tab import Tab
from gateway.keys import Key
from gateway.limits import Limit, Metric
from gateway.permissions import Grants
from gateway.rates import Rate


@dataclass(slots=True)
class Principal:
    """Who calls, and what the decisions that follow need to know of them.

    One object for all of it: with many keys in use each further one is cold memory.
    """

    # The key's id; of a JSON Web Token `jwt:` with issuer and subject.
    id: str
    tenant: str
    grants: Grants
    # All that its requests are charged to: its own, and those of its tenant.
    limits: tuple[Limit, ...] = ()
    # Unix time from which on it may call, and from which on the token is to be looked at anew.
    begins_s: float = -inf
    calm_until_s: float = inf
    # Where it may call from, as CIDR; none: from everywhere.
    networks: tuple[str, ...] = ()
    # As the access log tells it.
    log_members: bytes = field(init=False, repr=False, compare=False)
    # Of its requests to one model each, and that of the last; found by tabs.py.
    tabs: dict[str, Tab] = field(init=False, repr=False, compare=False, default_factory=dict)
    tab: Tab | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        self.log_members = members(tenant=self.tenant, principal=self.id)


def limits_of(key: Key) -> tuple[Limit, ...]:
    """All that requests with this key are charged to."""
    if key.limit is None:
        return key.limits
    return (own_rate(key.tenant, key.id, key.limit), *key.limits)


def own_rate(tenant: str, principal: str, rate: Rate) -> Limit:
    """The rate that a key or a token brings itself; no other limit has a principal's name as id."""
    return Limit(principal, tenant, principal, "*", Metric.REQUESTS, rate)
