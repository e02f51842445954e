"""Tenants: whom keys and limits belong to."""

import re
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import InvalidInput
from gateway.shown import shown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as it is recorded."""

    name: str
    created: datetime
    # Since when all that is its is refused; None: it is not.
    disabled: datetime | None
    # The revoked included.
    key_count: int


def check_tenant(tenant: str) -> str:
    """The name itself; raises InvalidInput if no tenant can be called so."""
    if not _NAME.fullmatch(tenant):
        raise InvalidInput(
            f"tenant {shown(tenant)} is not a name of 1 to 64 ASCII letters, digits, '.', '_' "
            "or '-' that starts with a letter or digit; choose one as acme or acme-2"
        )
    return tenant
