"""Who calls, once it is known."""

from dataclasses import dataclass

from gateway.permissions import Grants
from gateway.rates import Limit


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, and what the decisions that follow need to know of them."""

    # The key's id; of a JSON Web Token `jwt:` with issuer and subject.
    id: str
    tenant: str
    grants: Grants
    limit: Limit | None
    # Unix time from which on the token is to be looked at anew; None: never.
    expires_s: float | None = None
