"""`conch keys`: makes, lists and revokes the API keys of tenants."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from gateway.keys import Key
from stack.console import console
from stack.errors import RecordsError
from stack.settings import StackSettings
from stack.settings_flags import with_settings

if TYPE_CHECKING:
    from gateway.records.store import Records

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")


@app.command()
@with_settings("state_dir", "database_url")
def create(
    *,
    tenant: Annotated[str, typer.Option(help="Who the key is for.")],
    rate: Annotated[
        str | None, typer.Option(help="Requests allowed: 100/s, 6000/m or 10/h. None: no limit.")
    ] = None,
    burst: Annotated[
        int | None, typer.Option(help="Requests allowed at once. None: the number of the rate.")
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option(help="Model the key may call, with wildcards; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print id and key as JSON.")] = False,
    settings: StackSettings,
) -> None:
    """Make a key and show it, once: only its hash is stored.

    Example: conch keys create --tenant acme --rate 100/s --burst 200 --models 'mnist_*'
    """
    patterns = models or ["*"]
    new = with_records(
        settings,
        lambda records: records.create_key(tenant, rate=rate, burst=burst, models=patterns),
    )
    if as_json:
        typer.echo(json.dumps({"id": new.id, "key": new.token}))
        return
    typer.echo(new.token)
    typer.echo("This key is shown only now. Send it as `Authorization: Bearer …`.", err=True)


@app.command("list")
@with_settings("state_dir", "database_url")
def list_keys(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    settings: StackSettings,
) -> None:
    """List the keys, the oldest first; the keys themselves are stored nowhere."""
    found = with_records(settings, lambda records: records.list_keys())
    if as_json:
        typer.echo(json.dumps([_record(key) for key in found], indent=2))
        return
    console(markup=False).print(_table(found))


@app.command()
@with_settings("state_dir", "database_url")
def revoke(
    *,
    key: Annotated[str, typer.Argument(help="The key, or its id: the part after `ck_`.")],
    settings: StackSettings,
) -> None:
    """Take a key out of force, within a second and without a restart."""
    # A leaked key is pasted whole; its secret part must not come back in a message.
    key_id = key.split("_")[1] if key.startswith("ck_") else key
    with_records(settings, lambda records: records.revoke_key(key_id))
    typer.echo(f"Key {key_id} is revoked.")


def with_records(settings: StackSettings, use: "Callable[[Records], Awaitable[T]]") -> T:
    """Open the records, brought up to date, use them, close them."""
    # SQLAlchemy and Alembic take half a second to import; other commands do without.
    from sqlalchemy.exc import SQLAlchemyError

    from gateway.records.migrate import migrate
    from gateway.records.store import Records

    async def run() -> T:
        await migrate(settings.records_url)
        records = Records(settings.records_url)
        try:
            return await use(records)
        except SQLAlchemyError as error:
            raise RecordsError(f"The records cannot be used: {error}") from error
        finally:
            await records.close()

    return asyncio.run(run())


def _record(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "tenant": key.tenant,
        "models": list(key.grants[0].models),
        "rate": str(key.limit) if key.limit else None,
        "burst": key.limit.burst if key.limit else None,
        "created": key.created.isoformat(timespec="seconds"),
        "revoked": key.revoked.isoformat(timespec="seconds") if key.revoked else None,
    }


def _table(found: list[Key]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("ID", "TENANT", "MODELS", "RATE", "BURST", "CREATED", "STATE"):
        table.add_column(heading)
    for key in found:
        table.add_row(
            key.id,
            key.tenant,
            " ".join(key.grants[0].models),
            str(key.limit) if key.limit else "no limit",
            str(key.limit.burst) if key.limit else "",
            f"{key.created:%Y-%m-%d %H:%M}",
            "revoked" if key.revoked else "in force",
        )
    return table
