"""Who calls, once it is known."""

from dataclasses import dataclass, field
from math import inf

from gateway.data.log_members import members
from gateway.limits import Limit
from gateway.permissions import Grants
from gateway.rates import Rate


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, and what the decisions that follow need to know of them.

    One object for all of it: with many keys in use each further one is cold memory.
    """

    # The key's id; of a JSON Web Token `jwt:` with issuer and subject.
    id: str
    tenant: str
    grants: Grants
    limit: Rate | None
    # Unix time from which on it may call, and from which on the token is to be looked at anew.
    begins_s: float = -inf
    calm_until_s: float = inf
    # Where it may call from, as CIDR; none: from everywhere.
    networks: tuple[str, ...] = ()
    # Those of the tenant and of the key, beside the rate above.
    limits: tuple[Limit, ...] = ()
    # As the access log tells it.
    log_members: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        told = members(tenant=self.tenant, principal=self.id)
        object.__setattr__(self, "log_members", told)
