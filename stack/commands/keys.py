"""`conch keys`: makes, rotates, lists and revokes the API keys of tenants."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.errors import UnknownRecord
from gateway.keys import NewKey, Terms
from gateway.moments import check_period, parse_duration, parse_moment
from gateway.networks import check_networks
from gateway.permissions import Grants, client_grants, parse_grants
from gateway.rates import parse_rate
from gateway.records.facts import moment_text
from gateway.tenants import check_tenant
from stack.commands.keys_view import key_record, print_key, print_keys
from stack.commands.records import Json, minute_text, with_records
from stack.errors import UsageError
from stack.settings import StackSettings
from stack.settings_flags import with_settings

if TYPE_CHECKING:
    from gateway.keys import Key
    from gateway.records.store import Records

KeyId = Annotated[str, typer.Argument(help="The key, or its id: the part after `ck_`.")]
_SHOWN_ONCE = "This key is shown only now. Send it as `Authorization: Bearer …`."

app = typer.Typer(no_args_is_help=True, help="Make, rotate, list and revoke API keys.")


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
        list[str] | None,
        typer.Option(help="Model the key may call as clients do, with wildcards; repeatable."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            help="Verbs the key may use, and on which models, in place of --models; repeatable. "
            "Verbs: infer, metadata, stats, config:read, repository:index, repository:load, "
            "trace, logging, and * for all.",
            metavar="VERB,…=MODEL,…",
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 30d, 12h, 2027-01-31 or a time, in UTC.")
    ] = None,
    not_before: Annotated[
        str | None, typer.Option(help="From when it holds, in the same forms. None: from now on.")
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(help="Network it may be used from, as 10.0.0.0/8; repeatable. None: all."),
    ] = None,
    tls_subject: Annotated[
        str | None,
        typer.Option(help="Client certificate that stands for a key, as CN=trainer,O=Acme."),
    ] = None,
    as_json: Json = False,
    settings: StackSettings,
) -> None:
    """Make a key and show it, once: only its hash is stored.

    With --tls-subject there is no key to show: who has that certificate needs none.

    Example: conch keys create --tenant acme --rate 100/s --burst 200 --models 'mnist_*'

    Example: conch keys create --tenant ops --allow 'infer,stats=mnist_*' --allow 'metadata'
    --expires 30d --network 10.0.0.0/8
    """
    # Before the records are opened: a mistake makes none.
    check_tenant(tenant)
    parse_rate(rate, burst)
    terms = _terms(_grants(models, allow), not_before, expires, network)
    if tls_subject is not None:
        # cryptography takes a while to import; other commands do without.
        from gateway.tls_subjects import check_subject

        subject = check_subject(tls_subject)
        key_id = with_records(
            settings,
            lambda records: records.create_certificate_key(
                tenant, subject, rate=rate, burst=burst, terms=terms
            ),
            may_make=True,
        )
        typer.echo(json.dumps({"id": key_id}) if as_json else f"The certificate is key {key_id}.")
        return
    new = with_records(
        settings,
        lambda records: records.create_key(tenant, rate=rate, burst=burst, terms=terms),
        may_make=True,
    )
    _show_once(new, as_json=as_json)


@app.command()
@with_settings("state_dir", "database_url")
def rotate(
    *,
    key: KeyId,
    overlap: Annotated[
        str, typer.Option(help="How long the secret that it has goes on: 24h, 30d, 0h.")
    ] = "24h",
    as_json: Json = False,
    settings: StackSettings,
) -> None:
    """Give a key a new secret and show it, once; the old one goes on for the overlap.

    Example: conch keys rotate zrb23PdQMqzo --overlap 24h
    """
    duration = parse_duration(overlap)
    new = with_records(settings, lambda records: records.rotate_key(id_of(key), duration))
    if as_json:
        record = {"id": new.id, "key": new.token, "old_secret_ends": moment_text(new.old_ends)}
        typer.echo(json.dumps(record))
        return
    _show_once(new, as_json=False)
    if new.old_ends is None:
        typer.echo("The old secret is refused within a second.", err=True)
    else:
        typer.echo(f"The old secret goes on until {minute_text(new.old_ends)}.", err=True)


@app.command("list")
@with_settings("state_dir", "database_url")
def list_keys(*, as_json: Json = False, settings: StackSettings) -> None:
    """List the keys, the oldest first; the keys themselves are stored nowhere.

    Example: conch keys list --json
    """
    found = with_records(settings, lambda records: records.list_keys())
    if as_json:
        typer.echo(json.dumps([key_record(key) for key in found], indent=2))
    else:
        print_keys(found)


@app.command()
@with_settings("state_dir", "database_url")
def show(*, key: KeyId, as_json: Json = False, settings: StackSettings) -> None:
    """Show what is recorded of a key: what it may do, from where, until when.

    Example: conch keys show zrb23PdQMqzo
    """
    key_id = id_of(key)
    found = with_records(settings, lambda records: _require(records, key_id))
    if as_json:
        typer.echo(json.dumps(key_record(found), indent=2))
    else:
        print_key(found)


@app.command()
@with_settings("state_dir", "database_url")
def revoke(*, key: KeyId, as_json: Json = False, settings: StackSettings) -> None:
    """Take a key out of force, within a second and without a restart.

    Example: conch keys revoke zrb23PdQMqzo
    """
    key_id = id_of(key)
    with_records(settings, lambda records: records.revoke_key(key_id))
    typer.echo(json.dumps({"id": key_id}) if as_json else f"Key {key_id} is revoked.")


async def _require(records: "Records", key_id: str) -> "Key":
    found = await records.find_key(key_id)
    if found is None:
        raise UnknownRecord(f"there is no key {key_id!r}; `conch keys list` shows the keys")
    return found


def _grants(models: list[str] | None, allow: list[str] | None) -> Grants:
    if models and allow:
        raise UsageError(
            "--models and --allow both say what the key may do; give one of them: "
            "--models 'mnist_*' is short for what clients do, --allow 'infer=mnist_*' is exact"
        )
    return parse_grants(allow) if allow else client_grants(models or ["*"])


def _terms(
    grants: Grants, not_before: str | None, expires: str | None, networks: list[str] | None
) -> Terms:
    now = datetime.now(UTC)
    terms = Terms(
        grants=grants,
        not_before=None if not_before is None else parse_moment(not_before, now),
        expires=None if expires is None else parse_moment(expires, now),
        networks=check_networks(networks or ()),
    )
    check_period(terms.not_before, terms.expires, now)
    return terms


def id_of(key: str) -> str:
    """The id in a key, or the id itself."""
    # A leaked key is pasted whole; its secret part must not come back in a message.
    return key.split("_")[1] if key.startswith("ck_") else key


def _show_once(new: NewKey, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"id": new.id, "key": new.token}))
        return
    typer.echo(new.token)
    typer.echo(_SHOWN_ONCE, err=True)
