"""Every `conch loadtest` that the documentation shows is one that can be typed."""

import re
import shlex
from pathlib import Path
from unittest.mock import patch

import pytest

from stack.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "loadtest.md"]
COMMANDS = sorted(
    {
        line
        for page in PAGES
        for line in re.findall(r"^conch loadtest .*$", page.read_text(), re.MULTILINE)
    }
)


def test_they_are_found() -> None:
    assert {shlex.split(line)[2] for line in COMMANDS} == {
        *("smoke", "sweep", "slo", "soak", "spike", "overhead", "compare"),
    }


@pytest.mark.parametrize("line", [line for line in COMMANDS if "compare" not in line])
def test_it_is_understood(line: str) -> None:
    with (
        patch("sys.argv", shlex.split(line)),
        patch("stack.commands.loadtest.run_plan") as run_plan,
        pytest.raises(SystemExit) as end,
    ):
        main()
    assert end.value.code == 0
    assert run_plan.called
