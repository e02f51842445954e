"""How the `conch` command takes what it is given."""

import os
from pathlib import Path

import pytest

from gateway.errors import InvalidInput, RecordConflict, UnknownRecord
from stack.cli import exit_code
from stack.errors import ClientError, UsageError
from tests.stack.commands.typed import refusal


@pytest.mark.parametrize(
    "command", [("audit", "--subject"), ("keys", "create", "--tenant"), ("verify",)], ids=str
)
def test_an_argument_that_is_not_utf8_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    said = refusal(tmp_path, *command, os.fsdecode(b"acme\xff"), code=2)
    assert "argument b'acme\\xff' is not UTF-8" in said
    assert not (tmp_path / ".conch").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("rate"), 2),
        (UsageError("flag"), 2),
        (UnknownRecord("tenant"), 1),
        (RecordConflict("tenant"), 1),
        (ClientError("away"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_can_never_be_is_wrong_usage(error: Exception, code: int) -> None:
    assert exit_code(error) == code
