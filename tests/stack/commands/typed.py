"""Commands as they are typed, each through the entry point, in this process to save its start."""

import contextlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from stack.cli import main


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def typed(folder: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Done:
    """`conch ARGUMENTS` in this folder."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        patch.dict(os.environ, {"COLUMNS": "100"} | dict(settings or {})),
        patch("sys.argv", ["conch", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = _exit_code()
    return Done(code, out.getvalue(), err.getvalue())


def as_json(folder: Path, *arguments: str) -> Any:
    """What it prints with --json."""
    done = typed(folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(
    folder: Path, *arguments: str, code: int = 1, settings: Mapping[str, str] | None = None
) -> str:
    """The one line that it says when it fails."""
    done = typed(folder, *arguments, settings=settings)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("conch: ") and done.stderr.count("\n") == 1
    return done.stderr


def in_one_line(text: str) -> str:
    """What is said in a frame, without it and its line breaks."""
    return " ".join(text.replace("│", " ").split())


def _exit_code() -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0
