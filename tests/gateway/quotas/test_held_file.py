"""What a worker has leases of, as whoever comes after it finds it."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.limits import MAX_BUDGET, MAX_CONCURRENCY, Budget, Concurrency, Limit, Metric, Period
from gateway.quotas.held_file import HeldFile, inherited, left_behind
from gateway.quotas.holding import Holding
from gateway.rates import MAX_AMOUNT, MAX_BURST, Rate
from tests.gateway.quotas.builders import limit

LONGEST = [
    Limit("limit_" + 26 * "9", 64 * "t", None, "*", metric, measure)
    for metric, measure in (
        (Metric.COMPUTE_MS, Rate(MAX_AMOUNT, 3600, MAX_BURST)),
        (Metric.REQUESTS, Concurrency(MAX_CONCURRENCY)),
        (Metric.SAMPLES, Budget(MAX_BUDGET, Period.DAY)),
        (Metric.BYTES, Budget(MAX_BUDGET, Period.MONTH)),
    )
]
SLOTS = limit(Concurrency(8), principal=None)


def found(folder: Path) -> list[tuple[str, list[Limit]]]:
    """What dead workers left."""
    result = []
    for path in left_behind(folder):
        with inherited(path) as left:
            if left is not None:
                result.append(left)
    return result


def end(held: HeldFile) -> None:
    """As the kernel does when its process is killed."""
    assert held._file is not None
    os.close(held._file)


def test_limits_of_every_kind_are_found_to_the_last_digit(tmp_path: Path) -> None:
    held = HeldFile(tmp_path, "w")
    for one in LONGEST:
        held.note(Holding(one))
    assert found(tmp_path) == []
    end(held)
    assert found(tmp_path) == [("w", LONGEST)]


def test_what_is_forgotten_makes_room_for_others(tmp_path: Path) -> None:
    held = HeldFile(tmp_path, "w")
    limits = [replace(SLOTS, id=str(number)) for number in range(5)]
    holdings = [Holding(one) for one in limits]
    for holding in holdings:
        held.note(holding)
    size_bytes = left_behind(tmp_path)[0].stat().st_size
    held.forget(holdings[1])
    held.forget(holdings[3])
    held.note(Holding(LONGEST[0]))
    assert left_behind(tmp_path)[0].stat().st_size == size_bytes
    end(held)
    assert found(tmp_path) == [("w", [limits[0], limits[2], LONGEST[0], limits[4]])]


def test_a_change_of_the_measure_is_noted(tmp_path: Path) -> None:
    held, holding = HeldFile(tmp_path, "w"), Holding(SLOTS)
    held.note(holding)
    changed = replace(SLOTS, measure=Concurrency(3))
    holding.change(changed)
    held.note(holding)
    end(held)
    assert found(tmp_path) == [("w", [changed])]


def test_what_is_noted_already_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, holding = HeldFile(tmp_path, "w"), Holding(SLOTS)
    held.note(holding)

    def refuse(*_: object) -> int:
        raise AssertionError("written")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", refuse)
        held.note(holding)
    held.close()


def test_the_file_is_as_old_as_the_last_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, holding = HeldFile(tmp_path, "w"), Holding(SLOTS)
    held.note(holding)
    (path,) = left_behind(tmp_path)
    os.utime(path, (1, 1))
    held.note(holding)
    assert path.stat().st_mtime == 1
    with monkeypatch.context() as patched:
        patched.setattr(held, "_touched_s", time.monotonic() - 1)
        held.note(holding)
    assert path.stat().st_mtime > time.time() - 10
    held.close()


def test_who_has_returned_all_leaves_no_file(tmp_path: Path) -> None:
    held, holding = HeldFile(tmp_path, "w"), Holding(SLOTS)
    held.note(holding)
    held.forget(holding)
    held.close()
    assert left_behind(tmp_path) == []


def test_what_could_not_be_returned_is_left(tmp_path: Path) -> None:
    held = HeldFile(tmp_path, "w")
    held.note(Holding(SLOTS))
    held.close()
    assert found(tmp_path) == [("w", [SLOTS])]


def test_nothing_to_note_makes_no_file(tmp_path: Path) -> None:
    HeldFile(tmp_path / "leases", "w").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        b"\0",
        b"{",
        b'["a","t","requests","slots",[1]]',
        b'["a","t","requests","rate",[1]]',
        b'["a","t","requests","day",[]]',
        b'["a","t","requests","concurrency",[0]]',
    ],
)
def test_a_cell_that_cannot_be_read_keeps_back_no_other(tmp_path: Path, spoilt: bytes) -> None:
    held = HeldFile(tmp_path, "w")
    for name in "ab":
        held.note(Holding(replace(SLOTS, id=name)))
    assert held._file is not None
    os.pwrite(held._file, spoilt.ljust(256, b"\0"), 0)
    end(held)
    assert found(tmp_path) == [("w", [replace(SLOTS, id="b")])]


def test_a_full_disk_is_said_once_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    held, holdings = HeldFile(tmp_path, "w"), [Holding(replace(SLOTS, id=name)) for name in "abc"]
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", refuse)
        held.note(holdings[0])
        held.note(holdings[1])
        held.forget(holdings[0])
    assert capsys.readouterr().out.count("leases_not_noted") == 1
    held.note(holdings[2])
    # What could not be noted is, with the next Ask.
    held.note(holdings[1])
    end(held)
    assert found(tmp_path) == [("w", [holdings[2].limit, holdings[1].limit])]
