"""What people read is what was said."""

import pytest

from stack.client import Guess
from stack.commands.infer import chart
from stack.commands.models import ModelStatus, status_table
from stack.console import console


def test_labels_and_names_of_others_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console(markup=False).print(chart([Guess("[red]:dog:", 0.9)]))
    console(markup=False).print(status_table([ModelStatus("a[b]", "1", "READY", "")]))
    shown = capsys.readouterr().out
    assert "[red]:dog:" in shown
    assert "a[b]" in shown
