"""How `conch keys` shows keys: as a table, one by one, and as JSON."""

from datetime import UTC, datetime

from rich.table import Table

from gateway.keys import Key, KeyState, state
from gateway.limits import Limit
from gateway.permissions import CLIENT_PERMISSIONS, Grant, Grants
from gateway.records.facts import key_facts, limit_facts, moment_text
from stack.commands.limits_view import measure_text
from stack.commands.records import minute_text, plain_table
from stack.console import console

_COLUMNS = ("ID", "TENANT", "GRANTS", "RATE", "BURST", "CREATED", "LAST USED", "STATE")


def key_record(key: Key) -> dict[str, object]:
    """A key as JSON; nothing in it is secret."""
    return key_facts(key) | {
        "state": state(key, datetime.now(UTC)),
        "last_used": moment_text(key.last_used),
        "limits": [limit_facts(limit) for limit in key.limits],
    }


def print_keys(found: list[Key]) -> None:
    """A line for each."""
    table = plain_table(*_COLUMNS)
    now = datetime.now(UTC)
    for key in found:
        table.add_row(
            key.id,
            key.tenant,
            short_grants(key.grants),
            str(key.limit) if key.limit else "no limit",
            str(key.limit.burst) if key.limit else "",
            minute_text(key.created),
            minute_text(key.last_used) or "never",
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
        *(("limit", f"{limit.id}  {_limit_text(limit)}") for limit in key.limits),
        ("networks", " ".join(key.networks) or "all"),
        ("certificate", key.tls_subject),
        ("created", minute_text(key.created)),
        ("not before", minute_text(key.not_before)),
        ("expires", minute_text(key.expires)),
        ("old secret", _old_secret(key, now)),
        ("revoked", minute_text(key.revoked)),
        ("last used", minute_text(key.last_used) or "never"),
    ):
        if value:
            table.add_row(name, value)
    console(markup=False).print(table)


def short_grants(grants: Grants) -> str:
    """In a few words; `client` is what clients usually do.

    >>> short_grants(parse_grants(["*", "infer,stats=a,b_*"])), short_grants(client_grants(["*"]))
    ('every verb: all models; infer,stats: a,b_*', 'client: all models')
    """
    return "; ".join(map(_short_grant, grants))


def _short_grant(grant: Grant) -> str:
    verbs, _, patterns = str(grant).partition("=")
    if verbs == "*":
        verbs = "every verb"
    elif grant.permissions == CLIENT_PERMISSIONS:
        verbs = "client"
    return f"{verbs}: {'all models' if patterns == '*' else patterns}"


def _limit_text(limit: Limit) -> str:
    whose = "of the key" if limit.principal else "of the tenant"
    return f"{limit.metric} on {limit.models}, {whose}: {measure_text(limit)}"


def _old_secret(key: Key, now: datetime) -> str:
    if key.old_ends is None or key.old_ends <= now or state(key, now) is not KeyState.IN_FORCE:
        return ""
    return f"goes on until {minute_text(key.old_ends)}"
