"""How `conch keys` shows keys: as a table, one by one, and as JSON."""

from datetime import UTC, datetime

from rich.table import Table

from gateway.keys import Key, KeyState, state
from gateway.permissions import CLIENT_PERMISSIONS, Grants
from stack.console import console

_COLUMNS = ("ID", "TENANT", "GRANTS", "RATE", "BURST", "CREATED", "LAST USED", "STATE")


def key_record(key: Key) -> dict[str, object]:
    """A key as JSON; nothing in it is secret."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "state": state(key, datetime.now(UTC)),
        "grants": [str(grant) for grant in key.grants],
        "rate": str(key.limit) if key.limit else None,
        "burst": key.limit.burst if key.limit else None,
        "networks": list(key.networks),
        "tls_subject": key.tls_subject,
        "created": _iso(key.created),
        "not_before": _iso(key.not_before),
        "expires": _iso(key.expires),
        "old_secret_ends": _iso(key.old_ends),
        "revoked": _iso(key.revoked),
        "last_used": _iso(key.last_used),
    }


def print_keys(found: list[Key]) -> None:
    """A line for each."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in _COLUMNS:
        table.add_column(heading)
    now = datetime.now(UTC)
    for key in found:
        table.add_row(
            key.id,
            key.tenant,
            short_grants(key.grants),
            str(key.limit) if key.limit else "no limit",
            str(key.limit.burst) if key.limit else "",
            _minute(key.created),
            _minute(key.last_used) or "never",
            state(key, now),
        )
    console(markup=False).print(table)


def print_key(key: Key) -> None:
    """All there is to say of one key, what does not apply left out."""
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in (
        ("id", key.id),
        ("tenant", key.tenant),
        ("state", state(key, now)),
        *(("may", str(grant)) for grant in key.grants),
        ("rate", f"{key.limit}, burst {key.limit.burst}" if key.limit else "no limit"),
        ("networks", " ".join(key.networks) or "all"),
        ("certificate", key.tls_subject),
        ("created", _minute(key.created)),
        ("not before", _minute(key.not_before)),
        ("expires", _minute(key.expires)),
        ("old secret", _old_secret(key, now)),
        ("revoked", _minute(key.revoked)),
        ("last used", _minute(key.last_used) or "never"),
    ):
        if value:
            table.add_row(name, value)
    console(markup=False).print(table)


def short_grants(grants: Grants) -> str:
    """The models alone where a client's usual grants are on them.

    >>> short_grants(parse_grants(["infer=mnist_*"])), short_grants(client_grants(["mnist_*"]))
    ('infer=mnist_*', 'mnist_*')
    """
    return " ".join(
        ",".join(grant.models) if grant.permissions == CLIENT_PERMISSIONS else str(grant)
        for grant in grants
    )


def _old_secret(key: Key, now: datetime) -> str:
    if key.old_ends is None or key.old_ends <= now or state(key, now) is not KeyState.IN_FORCE:
        return ""
    return f"goes on until {_minute(key.old_ends)}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
