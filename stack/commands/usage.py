"""`conch usage`: who used how much, from the records."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.keys import parse_id
from gateway.moments import parse_past_moment
from gateway.usage.query import By, UsageQuery, UsageRow
from stack.commands.records import with_records
from stack.commands.tenants import require_tenant
from stack.commands.usage_view import print_csv, print_json, print_usage
from stack.errors import UsageError
from stack.settings import StackSettings
from stack.settings_flags import with_settings

if TYPE_CHECKING:
    from gateway.records.store import Records


@with_settings("state_dir", "database_url")
def usage(
    *,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant alone.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Of this key alone: its id, or `jwt:ISSUER#SUBJECT`.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Of this model alone; '' is what no model was found for.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="From this hour on: 2026-11-01, a time, or 7d for a week ago. In UTC."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Up to before this hour, in the same forms. None: now.")
    ] = None,
    by: Annotated[
        list[By] | None,
        typer.Option(
            help="What to add up by; repeatable. None: by tenant.",
            metavar="tenant|key|model|day|hour",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    settings: StackSettings,
) -> None:
    """Show who used how much: requests, samples, bytes, time of Triton, errors.

    What was used some seconds ago is there.

    Example: conch usage --since 2026-11-01 --until 2026-12-01 --by tenant --by model

    Example: conch usage --tenant acme --since 7d --by day --csv
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv are two forms of the same; give one of them")
    now = datetime.now(UTC)
    query = UsageQuery(
        by=tuple(dict.fromkeys(by or [By.TENANT])),
        tenant=tenant,
        key=None if key is None else _id_of(key),
        model=model,
        since=None if since is None else parse_past_moment(since, now),
        until=None if until is None else parse_past_moment(until, now),
    )
    rows = with_records(settings, lambda records: _read(records, query))
    show = print_json if as_json else print_csv if as_csv else print_usage
    show(query, rows)


async def _read(records: "Records", query: UsageQuery) -> list[UsageRow]:
    rows = await records.usage.usage(query)
    if query.tenant is not None and not rows:
        await _require_known(records, query.tenant)
    return rows


async def _require_known(records: "Records", tenant: str) -> None:
    """Raise UnknownRecord for a tenant that is not there, nor has ever used anything."""
    # One that was removed, or came with a token, has usage all the same.
    if not await records.usage.usage(UsageQuery(tenant=tenant), most=1):
        await require_tenant(records, tenant)


def _id_of(key: str) -> str:
    # A key may be pasted whole.
    return parse_id(key.encode()) or key
