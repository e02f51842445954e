"""`conch audit`: who changed what in the records."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.errors import UnknownRecord
from stack.commands.records import Json, plain_table, with_records
from stack.console import console
from stack.settings import StackSettings
from stack.settings_flags import with_settings

if TYPE_CHECKING:
    from gateway.records.audit import AuditEntry
    from gateway.records.store import Records

_MAX_ENTRIES = 1_000_000
_TERMS = ("key", "models", "metric", "rate", "burst", "concurrency", "budget")


@with_settings("state_dir", "database_url")
def audit(
    *,
    subject: Annotated[
        str | None,
        typer.Option(
            help="Only of this tenant with its keys and limits, or this admin, key id or limit id."
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--limit", min=1, max=_MAX_ENTRIES, help="So many of the newest.")
    ] = 50,
    as_json: Json = False,
    settings: StackSettings,
) -> None:
    """Show who changed what, the newest first; nothing can be taken out of this log.

    Example: conch audit --subject acme --json
    """
    found = with_records(settings, lambda records: _read(records, subject, most))
    if as_json:
        records = [asdict(entry) | {"at": entry.at.isoformat()} for entry in found]
        typer.echo(json.dumps(records, indent=2))
        return
    table = plain_table("AT", "WHO", "WHAT", "OF", "CHANGED")
    for entry in found:
        at = f"{entry.at:%Y-%m-%d %H:%M:%S} UTC"
        table.add_row(at, entry.actor, entry.action, _subject(entry), _changed(entry))
    console(markup=False).print(table)


async def _read(records: "Records", subject: str | None, most: int) -> "list[AuditEntry]":
    found = await records.list_audit(subject=subject, most=most)
    if subject is not None and not found and not await _is_there(records, subject):
        raise UnknownRecord(
            f"there is no tenant, admin, key or limit {subject!r}, nor was there one; "
            "`conch audit` without --subject shows all that was changed"
        )
    return found


async def _is_there(records: "Records", subject: str) -> bool:
    """Without an entry: records may be older than their audit log."""
    tenant, key = await records.find_tenant(subject), await records.find_key(subject)
    return tenant is not None or key is not None


def _subject(entry: "AuditEntry") -> str:
    """`zrb23PdQMqzo of acme`: an id alone tells nobody whose it is."""
    facts = entry.after or entry.before or {}
    return f"{entry.subject} of {facts['tenant']}" if "tenant" in facts else entry.subject


def _changed(entry: "AuditEntry") -> str:
    """What differs before and after; of what was made or removed as a whole, a limit's terms."""
    before, after = entry.before, entry.after
    if before is None or after is None:
        terms = after or before or {}
        return ", ".join(f"{name}: {terms[name]}" for name in _TERMS if terms.get(name) is not None)
    return ", ".join(
        f"{name}: {before.get(name)} -> {after[name]}"
        for name in after
        if before.get(name) != after[name]
    )
