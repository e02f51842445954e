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

    One object for all of it: with many keys in use each further one is cold memory. First what
    each request looks at: compiled, it is fetched along with the object's own head.
    """

    # Unix time from which on it may call, and from which on the token is to be looked at anew.
    begins_s: float = field(default=-inf, kw_only=True)
    calm_until_s: float = field(default=inf, kw_only=True)
    # Where it may call from, as CIDR; none: from everywhere.
    networks: tuple[str, ...] = field(default=(), kw_only=True)
    # Of its requests to the model that it asked for last; found by tabs.py.
    tab: Tab | None = field(init=False, repr=False, compare=False, default=None)
    # As the access log tells it.
    log_members: bytes = field(init=False, repr=False, compare=False)
    # The key's id; of a JSON Web Token `jwt:` with issuer and subject.
    id: str
    tenant: str
    grants: Grants
    # All that its requests are charged to: its own, and those of its tenant.
    limits: tuple[Limit, ...] = ()
    # Of its requests to one model each.
    tabs: dict[str, Tab] = field(init=False, repr=False, compare=False, default_factory=dict)

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
