"""What is told of tenants, keys, limits and admins: in the audit log, by commands, by the API.

Nothing in it is secret, and all of it is JSON.
"""

from datetime import datetime

from gateway.admins import Admin
from gateway.keys import Key
from gateway.limits import Budget, Concurrency, Limit
from gateway.rates import Rate
from gateway.tenants import Tenant

Facts = dict[str, object]


def tenant_facts(tenant: Tenant) -> Facts:
    """What is recorded of a tenant."""
    return {
        "name": tenant.name,
        "created": moment_text(tenant.created),
        "disabled": moment_text(tenant.disabled),
    }


def key_facts(key: Key) -> Facts:
    """What is recorded of a key; its limits are told by themselves."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "grants": [str(grant) for grant in key.grants],
        "rate": str(key.limit) if key.limit else None,
        "burst": key.limit.burst if key.limit else None,
        "networks": list(key.networks),
        "tls_subject": key.tls_subject,
        "created": moment_text(key.created),
        "not_before": moment_text(key.not_before),
        "expires": moment_text(key.expires),
        "old_secret_ends": moment_text(key.old_ends),
        "revoked": moment_text(key.revoked),
    }


def limit_facts(limit: Limit) -> Facts:
    """What is recorded of a limit; of its measures all but one are None."""
    measure = limit.measure
    return {
        "id": limit.id,
        "tenant": limit.tenant,
        "key": limit.principal,
        "models": limit.models,
        "metric": str(limit.metric),
        "rate": str(measure) if isinstance(measure, Rate) else None,
        "burst": measure.burst if isinstance(measure, Rate) else None,
        "concurrency": measure.slots if isinstance(measure, Concurrency) else None,
        "budget": str(measure) if isinstance(measure, Budget) else None,
    }


def admin_facts(admin: Admin) -> Facts:
    """What is recorded of an admin."""
    return {
        "name": admin.name,
        "tls_subject": admin.tls_subject,
        "created": moment_text(admin.created),
        "revoked": moment_text(admin.revoked),
    }


def moment_text(moment: datetime | None) -> str | None:
    """`"2027-01-31T12:00:00+00:00"`; None stays None."""
    return None if moment is None else moment.isoformat(timespec="seconds")
