"""Users over time in stages, for Locust: `-f loadtest/locustfile.py,loadtest/shapes.py`.

    --stages 10:60s,50:60s,10:60s     10 users for a minute, 50 for the next, then 10 again

With InferUser these are connections; with OpenLoopUser each is `--rate` requests a second.
"""

import sys
from argparse import ArgumentParser
from typing import Any

from locust import LoadTestShape, events
from locust.util.timespan import parse_timespan

_SPAWN_RATE = 1000.0  # a stage begins at once


def add_flags(parser: ArgumentParser) -> None:
    """Flags of this file, shown in Locust's `--help` and web form."""
    variable: Any = {"env_var": "LOCUST_STAGES"}
    parser.add_argument("--stages", default="10:60s", help="USERS:TIME, with commas.", **variable)


events.init_command_line_parser.add_listener(add_flags)


class Stages(LoadTestShape):
    """Goes through the stages once; then the test is over."""

    def tick(self) -> tuple[int, float] | None:
        """The users that there should be now."""
        assert self.runner is not None and self.runner.environment.parsed_options is not None
        ends_s = 0.0
        for users, duration_s in read_stages(self.runner.environment.parsed_options.stages):
            ends_s += duration_s
            if self.get_run_time() < ends_s:
                return users, _SPAWN_RATE
        return None


def read_stages(text: str) -> list[tuple[int, float]]:
    """Users and seconds of each stage."""
    try:
        pairs = [stage.split(":") for stage in text.split(",")]
        return [(int(users), float(parse_timespan(time))) for users, time in pairs]
    except ValueError:
        sys.exit(f"Stages {text!r} cannot be read. Write USERS:TIME, like 10:60s,50:2m.")
