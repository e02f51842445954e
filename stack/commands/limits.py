"""`conch limits`: adds, lists, changes and removes limits of tenants and keys."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.limits import Limit, Metric
from gateway.measures import parse_change, parse_measure
from gateway.permissions import check_pattern
from gateway.records.facts import limit_facts
from gateway.tenants import check_tenant
from stack.commands.keys import id_of
from stack.commands.limits_view import measure_text, print_limits
from stack.commands.records import Json, with_records
from stack.commands.tenants import require_tenant
from stack.errors import UsageError
from stack.settings import StackSettings
from stack.settings_flags import with_settings

if TYPE_CHECKING:
    from gateway.records.store import Records

LimitId = Annotated[str, typer.Argument(help="Id of the limit, as `conch limits list` shows it.")]
RateOption = Annotated[
    str | None, typer.Option(help="So many on average: 100/s, 6000/m or 10/h.", metavar="RATE")
]
BurstOption = Annotated[
    int | None, typer.Option(help="With --rate: so many at once. None: the number of the rate.")
]
ConcurrencyOption = Annotated[
    int | None, typer.Option(help="So many requests in flight at once.", metavar="NUMBER")
]
BudgetOption = Annotated[
    str | None,
    typer.Option(help="So many in each day or month (UTC): 1000000/day.", metavar="BUDGET"),
]

app = typer.Typer(no_args_is_help=True, help="Add, list, change and remove limits.")


@app.command()
@with_settings("state_dir", "database_url")
def add(
    *,
    tenant: Annotated[str, typer.Option(help="Whose limit it is: of all its keys together.")],
    key: Annotated[
        str | None, typer.Option(help="Of this key of the tenant alone; the key or its id.")
    ] = None,
    models: Annotated[
        str, typer.Option(help="Models it is about, together, with wildcards.")
    ] = "*",
    metric: Annotated[Metric, typer.Option(help="What is counted.")] = Metric.REQUESTS,
    rate: RateOption = None,
    burst: BurstOption = None,
    concurrency: ConcurrencyOption = None,
    budget: BudgetOption = None,
    as_json: Json = False,
    settings: StackSettings,
) -> None:
    """Limit a tenant or one of its keys; workers hold it within a second.

    A request must stay within all limits that apply to it.

    Example: conch limits add --tenant acme --rate 100/s --burst 200

    Example: conch limits add --tenant acme --models 'mnist_*' --metric samples
    --budget 1000000/day

    Example: conch limits add --tenant acme --key zrb23PdQMqzo --concurrency 8
    """
    _check_one(rate, concurrency, budget)
    measure = parse_measure(rate=rate, burst=burst, concurrency=concurrency, budget=budget)
    check_tenant(tenant)
    check_pattern(models)
    key_id = None if key is None else id_of(key)
    made = with_records(
        settings,
        lambda records: records.create_limit(
            tenant, measure, key_id=key_id, models=models, metric=metric
        ),
    )
    _tell(made, f"Limit {made.id}: {_sentence(made)}.", as_json=as_json)


@app.command("list")
@with_settings("state_dir", "database_url")
def list_limits(
    *,
    tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
    as_json: Json = False,
    settings: StackSettings,
) -> None:
    """List the limits; rates that keys were made with are in `conch keys list`.

    Example: conch limits list --tenant acme --json
    """
    found = with_records(settings, lambda records: _list(records, tenant))
    if as_json:
        typer.echo(json.dumps([limit_facts(limit) for limit in found], indent=2))
    else:
        print_limits(found)


@app.command("set")
@with_settings("state_dir", "database_url")
def change(
    *,
    limit_id: LimitId,
    rate: RateOption = None,
    burst: BurstOption = None,
    concurrency: ConcurrencyOption = None,
    budget: BudgetOption = None,
    as_json: Json = False,
    settings: StackSettings,
) -> None:
    """Give a limit another amount; what was counted so far goes on. With --rate alone a burst that
    is not the rate's own number stays.

    Example: conch limits set 8fK2mQpLx0aZ --rate 200/s --burst 400
    """
    if burst is not None and rate is None:
        raise UsageError(f"--burst {burst} alone changes no rate; give --rate with it")
    _check_one(rate, concurrency, budget)

    async def changed_in(records: "Records") -> Limit:
        known = await records.find_limit(limit_id)
        measure = parse_change(
            known, rate=rate, burst=burst, concurrency=concurrency, budget=budget
        )
        return await records.change_limit(limit_id, measure)

    changed = with_records(settings, changed_in)
    _tell(changed, f"Limit {limit_id}: {_sentence(changed)}.", as_json=as_json)


@app.command()
@with_settings("state_dir", "database_url")
def remove(*, limit_id: LimitId, as_json: Json = False, settings: StackSettings) -> None:
    """Remove a limit, within a second and without a restart.

    Example: conch limits remove 8fK2mQpLx0aZ
    """
    removed = with_records(settings, lambda records: records.remove_limit(limit_id))
    _tell(removed, f"Limit {limit_id} is removed: {_sentence(removed)}.", as_json=as_json)


async def _list(records: "Records", tenant: str | None) -> list[Limit]:
    if tenant is not None:
        await require_tenant(records, tenant)
    return await records.list_limits(tenant=tenant)


def _check_one(rate: str | None, concurrency: int | None, budget: str | None) -> None:
    if [rate, concurrency, budget].count(None) != 2:
        raise UsageError("give one of --rate, --concurrency and --budget: one limit has one")


def _sentence(limit: Limit) -> str:
    whose = f"key {limit.principal} of {limit.tenant}" if limit.principal else limit.tenant
    return f"{whose}, models {limit.models}, {limit.metric}, {measure_text(limit)}"


def _tell(limit: Limit, sentence: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(limit_facts(limit)) if as_json else sentence)
