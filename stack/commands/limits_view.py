"""How limits are shown to people."""

from collections.abc import Iterable

from gateway.limits import Limit
from gateway.rates import Rate
from stack.commands.records import plain_table
from stack.console import console


def print_limits(found: Iterable[Limit]) -> None:
    """A line for each."""
    table = plain_table("ID", "TENANT", "KEY", "MODELS", "METRIC", "LIMIT")
    for limit in found:
        table.add_row(
            limit.id,
            limit.tenant,
            limit.principal or "all together",
            limit.models,
            limit.metric,
            measure_text(limit),
        )
    console(markup=False).print(table)


def measure_text(limit: Limit) -> str:
    """`"100/s, burst 200"`, `"8 in flight"`, `"1000000/day"`."""
    measure = limit.measure
    return f"{measure}, burst {measure.burst}" if isinstance(measure, Rate) else str(measure)
