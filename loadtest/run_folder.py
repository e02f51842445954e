"""The folder of a run: written whole or not at all, and read again years later.

result.json    everything that was measured (results.py); all else is made from it
steps.csv      one line a step
summary.md     for a pull request
report.html    for a browser, without a link to anything outside of it
plots/*.png    the pictures of the report, for a chat or a slide
"""

import errno
import itertools
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from loadtest.errors import (
    FolderTakenError,
    LoadTestError,
    MissingExtraError,
    UnreadableRunError,
)
from loadtest.report.page import page
from loadtest.report.rows import steps_csv
from loadtest.report.summary import summary
from loadtest.results import SCHEMA_VERSION, Run

RESULT = "result.json"


# What a rename onto a folder that holds something fails with.
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY)


# About what a short run takes: a disk that is full is noticed.
_TRIAL_BYTES = 1 << 16


class _Version(msgspec.Struct):
    schema_version: int


def try_place(folder: Path) -> None:
    """Raise LoadTestError unless a folder can be made there and a file be written in it.

    The trial is made beside the first of its folders that is not there yet, and leaves nothing.
    """
    trial: Path | None = None
    try:
        there = next(parent for parent in folder.absolute().parents if parent.exists())
        trial = there / _hidden_name(folder)
        trial.mkdir()
        (trial / RESULT).write_bytes(bytes(_TRIAL_BYTES))
    except OSError as error:
        raise _not_kept(folder, error) from error
    finally:
        if trial is not None:
            shutil.rmtree(trial, ignore_errors=True)


def write_run(folder: Path, run: Run) -> list[str]:
    """Write the folder; what had to be left out, in sentences.

    Raises FolderTakenError where it exists, also where another process was first.
    """
    if folder.exists():
        raise _taken(folder)
    staged = folder.with_name(_hidden_name(folder))
    try:
        staged.mkdir(parents=True)
        missing = _write_files(staged, run)
        os.rename(staged, folder)
    except OSError as error:
        if error.errno in _TAKEN:
            raise _taken(folder) from error
        raise _not_kept(folder, error) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return missing


def write_run_beside(folder: Path, run: Run) -> tuple[Path, list[str]]:
    """The same in FOLDER, or where that is taken in FOLDER-2, FOLDER-3 and so on; which it was.

    Names of runs are of the second in which they began, and two may begin in the same.
    """
    for number in itertools.count(1):
        place = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        with suppress(FolderTakenError):
            return place, write_run(place, run)
    raise AssertionError("numbers do not end")


def read_run(path: Path) -> Run:
    """Read the folder of a run, or its result.json. Raises UnreadableRunError."""
    file = path / RESULT if path.is_dir() else path
    try:
        text = file.read_bytes()
    except OSError as error:
        raise UnreadableRunError(
            f"{path} is no run ({file.name}: {error.strerror}); name the folder of one."
        ) from error
    _check_version(file, text)
    try:
        return msgspec.json.decode(text, type=Run)
    except msgspec.DecodeError as error:
        raise UnreadableRunError(f"{file} is damaged: {error}") from error


def _taken(folder: Path) -> FolderTakenError:
    return FolderTakenError(f"{folder} exists already; name another folder, or move it away.")


def _hidden_name(folder: Path) -> str:
    return f".{folder.name}.{secrets.token_hex(4)}"


def _not_kept(folder: Path, error: OSError) -> LoadTestError:
    return LoadTestError(
        f"The run could not be kept in {folder}: {error.strerror or error}. "
        "Name another folder by --out."
    )


def _check_version(file: Path, text: bytes) -> None:
    # First alone: of a later schema nothing else need be as it is known here.
    try:
        version = msgspec.json.decode(text, type=_Version).schema_version
    except msgspec.DecodeError as error:
        raise UnreadableRunError(f"{file} is damaged, or no run's: {error}") from error
    if version > SCHEMA_VERSION:
        raise UnreadableRunError(
            f"{file} has schema {version}; this Conch reads up to {SCHEMA_VERSION}. "
            "Read it with the Conch that wrote it, or a later one."
        )


def _write_files(folder: Path, run: Run) -> list[str]:
    (folder / RESULT).write_bytes(msgspec.json.encode(run) + b"\n")
    (folder / "steps.csv").write_text(steps_csv(run), encoding="utf-8")
    (folder / "summary.md").write_text(summary(run), encoding="utf-8")
    (folder / "report.html").write_text(page(run), encoding="utf-8")
    try:
        _write_plots(folder / "plots", run)
    except MissingExtraError as error:
        return [f"Plots were left out: {error}"]
    return []


def _write_plots(folder: Path, run: Run) -> None:
    try:
        from loadtest.report.plots import write_plots
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{error.name} is not installed; pip install 'conch[loadtest]'"
        ) from error
    folder.mkdir()
    write_plots(folder, run)
