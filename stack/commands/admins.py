"""`conch admins`: who may use the admin API."""

import json
from typing import Annotated

import typer

from gateway.admins import check_admin_name
from gateway.records.facts import admin_facts
from stack.commands.records import Json, minute_text, plain_table, with_records
from stack.console import console
from stack.settings import StackSettings
from stack.settings_flags import with_settings

Name = Annotated[str, typer.Argument(help="Name of the admin, as the audit log tells it.")]
_SHOWN_ONCE = "This token is shown only now. Send it as `Authorization: Bearer …`."

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke admins of the admin API.")


@app.command()
@with_settings("state_dir", "database_url")
def create(
    *,
    name: Name,
    tls_subject: Annotated[
        str | None,
        typer.Option(help="Client certificate in place of a token, as CN=ops,O=Acme."),
    ] = None,
    as_json: Json = False,
    settings: StackSettings,
) -> None:
    """Make an admin and show the token, once: only its hash is stored.

    From the first admin on the admin API takes nobody without token or certificate.

    Example: conch admins create deploy

    Example: conch admins create alice --tls-subject CN=alice,O=Acme
    """
    # Before the records are opened: a mistake makes none.
    check_admin_name(name)
    if tls_subject is not None:
        # cryptography takes a while to import; other commands do without.
        from gateway.tls_subjects import check_subject

        subject = check_subject(tls_subject)
        with_records(
            settings,
            lambda records: records.create_certificate_admin(name, subject),
            may_make=True,
        )
        said = json.dumps({"name": name}) if as_json else f"The certificate is admin {name}."
        typer.echo(said)
        return
    token = with_records(settings, lambda records: records.create_admin(name), may_make=True)
    if as_json:
        typer.echo(json.dumps({"name": name, "token": token}))
        return
    typer.echo(token)
    typer.echo(_SHOWN_ONCE, err=True)


@app.command("list")
@with_settings("state_dir", "database_url")
def list_admins(*, as_json: Json = False, settings: StackSettings) -> None:
    """List the admins, the oldest first, the revoked included.

    Example: conch admins list
    """
    found = with_records(settings, lambda records: records.list_admins())
    if as_json:
        typer.echo(json.dumps([admin_facts(admin) for admin in found], indent=2))
        return
    table = plain_table("ADMIN", "BY", "CREATED", "STATE")
    for admin in found:
        state = "in force" if admin.revoked is None else "revoked"
        by = f"certificate {admin.tls_subject}" if admin.tls_subject else "token"
        table.add_row(admin.name, by, minute_text(admin.created), state)
    console(markup=False).print(table)


@app.command()
@with_settings("state_dir", "database_url")
def revoke(*, name: Name, as_json: Json = False, settings: StackSettings) -> None:
    """Take an admin out of force at once; the name is not given again.

    Example: conch admins revoke deploy
    """
    with_records(settings, lambda records: records.revoke_admin(name))
    typer.echo(json.dumps({"name": name}) if as_json else f"Admin {name} is revoked.")
