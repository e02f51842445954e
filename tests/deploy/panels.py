"""The panels of the dashboards, read from the files that Grafana reads."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.grafana.make_dashboards import FOLDER

# What a machine without a GPU cannot show.
EXEMPT = {
    "triton: GPU": "needs a GPU",
    "triton: GPU memory": "needs a GPU",
    "triton: GPU power": "needs a GPU",
}


@dataclass(frozen=True)
class Query:
    """One of a panel's; the legend names each line by its labels."""

    letter: str
    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One graph."""

    dashboard: str
    title: str
    unit: str
    queries: tuple[Query, ...]

    @property
    def name(self) -> str:
        """As in EXEMPT."""
        return f"{self.dashboard}: {self.title}"


def panels() -> Iterator[Panel]:
    """Of all dashboards, in the order of the page."""
    for path in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            queries = tuple(
                Query(target["refId"], target["expr"], target["legendFormat"])
                for target in panel["targets"]
            )
            unit = panel["fieldConfig"]["defaults"]["unit"]
            yield Panel(path.stem, panel["title"], unit, queries)
