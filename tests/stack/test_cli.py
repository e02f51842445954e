"""How the `conch` command takes what it is given."""

import os
from pathlib import Path

import pytest

from tests.stack.commands.typed import refusal


@pytest.mark.parametrize(
    "command", [("audit", "--subject"), ("keys", "create", "--tenant"), ("verify",)], ids=str
)
def test_an_argument_that_is_not_utf8_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    said = refusal(tmp_path, *command, os.fsdecode(b"acme\xff"), code=2)
    assert "argument b'acme\\xff' is not UTF-8" in said
    assert not (tmp_path / ".conch").exists()
