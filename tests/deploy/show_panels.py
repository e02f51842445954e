"""Shows what every panel of the dashboards says of a running stack.

    python -m tests.deploy.show_panels      prints a table in Markdown; takes a minute

The stack and its Prometheus are those of test_dashboards.py. docs/dashboards.md has such a table.
"""

import math
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.deploy.panels import EXEMPT, Panel, Query, panels
from tests.deploy.running_compose import running_compose
from tests.deploy.running_prometheus import (
    RunningPrometheus,
    Series,
    running_prometheus,
    some_traffic,
)
from tests.waiting import wait_until

PATIENCE_S = 45.0
# Until then most rates are at zero, and the table would show little.
LAST_TO_MOVE = "sum(rate(conch_tenant_refused_total[$__rate_interval]))"
HEADINGS = ("dashboard", "panel", "series", "for example")
# How Grafana shows its units: what a value is multiplied by, and the sign behind it.
UNITS = {
    "short": (1.0, ""),
    "none": (1.0, ""),
    "reqps": (1.0, " req/s"),
    "ops": (1.0, " ops/s"),
    "Bps": (1e-3, " kB/s"),
    "s": (1e3, " ms"),
    "percentunit": (100.0, " %"),
    "bytes": (2.0**-20, " MiB"),
    "watt": (1.0, " W"),
}
_DAY_S = 86400.0


def main() -> int:
    """Print the table; exits 1 where a panel is empty that need not be."""
    # What was started is ended in order, whoever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("compose", "prometheus"):
            (folder / part).mkdir()
        try:
            with (
                running_compose(folder / "compose") as compose,
                running_prometheus(folder / "prometheus", compose) as prometheus,
                some_traffic(compose),
            ):
                wait_until(lambda: any(one.value for one in prometheus.series(LAST_TO_MOVE)), 60)
                return print_panels(prometheus, patience_s=PATIENCE_S)
        except pytest.skip.Exception as missing:
            sys.exit(str(missing))


def print_panels(prometheus: RunningPrometheus, *, patience_s: float) -> int:
    """Each panel as soon as it has something to show."""
    print(_line(HEADINGS), "|---|---|---:|---|", sep="\n", flush=True)
    empty = 0
    for panel in panels():
        if panel.name not in EXEMPT:
            with suppress(AssertionError):
                wait_until(lambda panel=panel: _finite(prometheus, panel), patience_s)
        shown = _finite(prometheus, panel)
        empty += not shown and panel.name not in EXEMPT
        example = _example(panel, shown) if shown else EXEMPT.get(panel.name, "nothing")
        print(_line([panel.dashboard, panel.title, str(len(shown)), example]), flush=True)
    return int(empty > 0)


def _finite(prometheus: RunningPrometheus, panel: Panel) -> list[tuple[Query, Series]]:
    """What is drawn: a model without traffic has a latency that is no number."""
    return [
        (query, series)
        for query in panel.queries
        for series in prometheus.series(query.expression)
        if math.isfinite(series.value)
    ]


def _example(panel: Panel, shown: list[tuple[Query, Series]]) -> str:
    """The first line that is not at zero, by its legend."""
    query, series = next((one for one in shown if one[1].value), shown[0])
    legend = re.sub(r"{{(\w+)}}", lambda found: series.labels.get(found[1], ""), query.legend)
    return f"{legend.strip()}: {value_text(series.value, panel.unit)}"


def value_text(value: float, unit: str) -> str:
    """A value as Grafana's unit means it.

    >>> value_text(0.0042, "s"), value_text(0.25, "percentunit")
    ('4.2 ms', '25 %')
    """
    if unit == "s" and value >= _DAY_S:
        return f"{value / _DAY_S:,.0f} days"
    factor, sign = UNITS[unit]
    shown = value * factor
    return (f"{shown:,.0f}" if abs(shown) >= 1000 else f"{shown:.3g}") + sign


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
