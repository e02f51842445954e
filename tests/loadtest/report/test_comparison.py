"""Two runs against one another, as a person sees it."""

import io
from typing import Any

from rich.console import Console

from loadtest.comparing import Comparison, Difference, Verdict
from loadtest.report.comparison import comparison_markdown, conclusion, print_comparison


def a_difference(**changes: Any) -> Difference:
    given: dict[str, Any] = {
        "step": "100/s",
        "metric": "p99_ms",
        "before": 4.0,
        "after": 5.0,
        "ratio": 1.25,
        "low": 1.2,
        "high": 1.31,
        "verdict": Verdict.WORSE,
    }
    return Difference(**(given | changes))


def a_comparison(*differences: Difference, **changes: Any) -> Comparison:
    given: dict[str, Any] = {
        "before": "monday",
        "after": "tuesday",
        "bound": 0.05,
        "differences": list(differences),
        "only_before": [],
        "only_after": [],
        "notes": [],
        "invalid": [],
    }
    return Comparison(**(given | changes))


def shown(found: Comparison) -> str:
    console = Console(file=io.StringIO(), width=120)
    print_comparison(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_difference_is_told_with_its_interval() -> None:
    line = shown(a_comparison(a_difference())).splitlines()[1]
    assert line.split() == [
        "100/s",
        "p99",
        "ms",
        "4.00",
        "5.00",
        "1.250",
        *["1.200", "to", "1.310", "worse"],
    ]


def test_what_got_worse_is_named_in_the_last_line() -> None:
    found = a_comparison(a_difference(), a_difference(metric="throughput", verdict=Verdict.SAME))
    assert shown(found).splitlines()[-1] == "Worse by more than 5%: p99 ms of 100/s."


def test_what_is_unclear_is_said_first() -> None:
    found = a_comparison(a_difference(verdict=Verdict.UNCLEAR), a_difference(verdict=Verdict.SAME))
    assert conclusion(found) == (
        "1 of 2 are unclear: measure longer. Of the others nothing is worse by more than 5%."
    )


def test_where_all_is_unclear_nothing_is_concluded() -> None:
    found = a_comparison(a_difference(verdict=Verdict.UNCLEAR))
    assert conclusion(found) == "Cannot tell: 1 of 1 are unclear. Measure longer."


def test_nothing_worse_is_said_where_every_figure_has_a_verdict() -> None:
    found = a_comparison(a_difference(verdict=Verdict.SAME))
    assert conclusion(found) == "Nothing is worse by more than 5%."


def test_invalid_runs_have_no_conclusion() -> None:
    found = a_comparison(a_difference(), invalid=["monday is invalid: too short"])
    assert conclusion(found) == "The runs cannot be compared."
    assert "monday is invalid: too short" in shown(found)


def test_what_only_one_run_has_is_noted() -> None:
    assert "200/s is only in monday" in shown(a_comparison(only_before=["200/s"]))


def test_the_same_is_told_as_markdown() -> None:
    found = a_comparison(a_difference(), only_after=["200/s"])
    assert comparison_markdown(found).splitlines() == [
        "### Worse by more than 5%: p99 ms of 100/s.",
        "",
        "- 200/s is only in tuesday",
        "",
        "| step | figure | before | after | ratio | 95 % interval | verdict |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
        "| 100/s | p99 ms | 4.00 | 5.00 | 1.250 | 1.200 to 1.310 | worse |",
    ]
