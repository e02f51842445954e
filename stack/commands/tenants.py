"""`conch tenants`: makes, lists, disables, enables and removes tenants."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.errors import UnknownRecord
from gateway.limits import Limit
from gateway.records.facts import limit_facts, tenant_facts
from gateway.tenants import Tenant, check_tenant
from stack.commands.limits_view import print_limits
from stack.commands.records import Json, minute_text, plain_table, with_records
from stack.console import console
from stack.settings import StackSettings
from stack.settings_flags import with_settings

if TYPE_CHECKING:
    from gateway.records.store import Records

Name = Annotated[str, typer.Argument(help="Name of the tenant.")]

app = typer.Typer(no_args_is_help=True, help="Make, list, disable, enable and remove tenants.")


@app.command()
@with_settings("state_dir", "database_url")
def create(*, name: Name, as_json: Json = False, settings: StackSettings) -> None:
    """Make a tenant without keys; with its first key a tenant comes by itself.

    Example: conch tenants create acme
    """
    # Before the records are opened: a mistake makes none.
    check_tenant(name)
    made = with_records(settings, lambda records: records.create_tenant(name), may_make=True)
    _tell(made, f"Tenant {name} is there.", as_json=as_json)


@app.command("list")
@with_settings("state_dir", "database_url")
def list_tenants(*, as_json: Json = False, settings: StackSettings) -> None:
    """List the tenants by name, with how many keys each has or had.

    Example: conch tenants list --json
    """
    found = with_records(settings, lambda records: records.page_of_tenants())
    if as_json:
        typer.echo(json.dumps(list(map(tenant_record, found)), indent=2))
        return
    table = plain_table("TENANT", "KEYS", "CREATED", "STATE")
    for tenant in found:
        table.add_row(
            tenant.name, str(tenant.key_count), minute_text(tenant.created), _state(tenant)
        )
    console(markup=False).print(table)


@app.command()
@with_settings("state_dir", "database_url")
def show(*, name: Name, as_json: Json = False, settings: StackSettings) -> None:
    """Show a tenant with all limits that are its or its keys'.

    Example: conch tenants show acme
    """
    tenant, limits = with_records(settings, lambda records: _read(records, name))
    if as_json:
        record = tenant_record(tenant) | {"limits": [limit_facts(limit) for limit in limits]}
        typer.echo(json.dumps(record, indent=2))
        return
    typer.echo(
        f"{tenant.name}: {_state(tenant)}, {tenant.key_count} keys, "
        f"created {minute_text(tenant.created)}"
    )
    if limits:
        print_limits(limits)


@app.command()
@with_settings("state_dir", "database_url")
def disable(*, name: Name, as_json: Json = False, settings: StackSettings) -> None:
    """Refuse all keys and tokens of a tenant, within a second and without a restart.

    Example: conch tenants disable acme
    """
    _set_disabled(settings, name, is_disabled=True, as_json=as_json)


@app.command()
@with_settings("state_dir", "database_url")
def enable(*, name: Name, as_json: Json = False, settings: StackSettings) -> None:
    """Let the keys and tokens of a disabled tenant in again.

    Example: conch tenants enable acme
    """
    _set_disabled(settings, name, is_disabled=False, as_json=as_json)


@app.command()
@with_settings("state_dir", "database_url")
def remove(*, name: Name, as_json: Json = False, settings: StackSettings) -> None:
    """Remove a tenant that never had a key and has no limits; disable any other.

    Example: conch tenants remove acme
    """
    with_records(settings, lambda records: records.remove_tenant(name))
    typer.echo(json.dumps({"name": name}) if as_json else f"Tenant {name} is removed.")


async def require_tenant(records: "Records", name: str) -> Tenant:
    """The tenant of this name; raises UnknownRecord."""
    tenant = await records.find_tenant(name)
    if tenant is None:
        raise UnknownRecord(f"there is no tenant {name!r}; `conch tenants list` shows the tenants")
    return tenant


def tenant_record(tenant: Tenant) -> dict[str, object]:
    """A tenant as JSON."""
    return tenant_facts(tenant) | {"keys": tenant.key_count}


def _set_disabled(settings: StackSettings, name: str, *, is_disabled: bool, as_json: bool) -> None:
    tenant = with_records(
        settings, lambda records: records.set_tenant_disabled(name, is_disabled=is_disabled)
    )
    _tell(tenant, f"Tenant {name} is {_state(tenant)}.", as_json=as_json)


async def _read(records: "Records", name: str) -> tuple[Tenant, list[Limit]]:
    return await require_tenant(records, name), await records.list_limits(tenant=name)


def _tell(tenant: Tenant, sentence: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(tenant_record(tenant)) if as_json else sentence)


def _state(tenant: Tenant) -> str:
    return "enabled" if tenant.disabled is None else "disabled"
