"""The table of what panels show; that the panels do show it, test_dashboards.py tells."""

import re
from typing import Any

import pytest

from tests.deploy.compose_file import ROOT
from tests.deploy.panels import EXEMPT, panels
from tests.deploy.running_prometheus import Series
from tests.deploy.show_panels import UNITS, print_panels, value_text


class FakePrometheus:
    """Answers every query with the same series."""

    def __init__(self, *series: Series) -> None:
        self._series = list(series)

    def series(self, query: str) -> list[Series]:
        return self._series


def rows(text: str) -> dict[str, list[str]]:
    """Cells by the name of the panel."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line[:2] == "| "]
    return {f"{cells[0]}: {cells[1]}": cells[2:] for cells in lines[1:]}


def printed(capsys: pytest.CaptureFixture[str], *series: Series) -> tuple[int, dict[str, Any]]:
    prometheus: Any = FakePrometheus(*series)
    code = print_panels(prometheus, patience_s=0)
    return code, rows(capsys.readouterr().out)


def test_every_panel_has_a_row_with_its_lines_and_a_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    idle = Series({"tenant": "acme"}, 0.0)
    code, shown = printed(capsys, idle, Series({"tenant": "beta"}, 4.96))
    assert code == 0
    assert list(shown) == [panel.name for panel in panels()]
    assert shown["clients: Refused"] == ["2", "beta: 4.96 req/s"]


def test_what_is_no_number_is_not_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = printed(capsys, Series({}, float("nan")))
    assert code == 1
    assert shown["clients: Refused"] == ["0", "nothing"]
    assert shown["triton: GPU"] == ["0", "needs a GPU"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00123, "s", "1.23 ms"),
        (364.4 * 86400, "s", "364 days"),
        (0.25, "percentunit", "25 %"),
        (3 * 2**30, "bytes", "3,072 MiB"),
        (2, "short", "2"),
    ],
)
def test_values_stand_in_the_unit_of_their_panel(value: float, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_every_unit_is_known() -> None:
    assert {panel.unit for panel in panels()} <= UNITS.keys()


def test_the_documentation_tells_what_each_panel_showed() -> None:
    told = rows((ROOT / "docs" / "dashboards.md").read_text())
    assert list(told) == [panel.name for panel in panels()]
    assert {name for name, cells in told.items() if cells[0] == "0"} == EXEMPT.keys()
    for name, (_, example) in told.items():
        assert re.search(r"\d", example) or example == EXEMPT[name]
