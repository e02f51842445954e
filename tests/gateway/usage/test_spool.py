"""The file with usage that the records may not have: whose it is, and what ends leave in it."""

import os
from pathlib import Path

import pytest

from gateway.usage.counts import Account, Batch, Changes, Counts, Row
from gateway.usage.spool import Spool, adopted, left_behind


def rows_of(requests: int, model: str = "m") -> list[Row]:
    return [(3600, "acme", "key", model, requests, 1, 2, 3, 4, 5)]


def new(rows: list[Row], places: list[int]) -> Changes:
    """Rows that are told for the first time."""
    return Changes(rows, places, [])


def batch_of(requests: int, model: str = "m") -> Batch:
    return {Account(3600, "acme", "key", model): Counts(requests, 1, 2, 3, 4, 5)}


def found(folder: Path) -> dict[str, list[tuple[int, Batch]]]:
    """What can be adopted, by the writer that left it."""
    result = {}
    for path in left_behind(folder):
        with adopted(path) as left:
            if left is not None:
                result[left[0]] = left[1]
    return result


def test_batches_are_found_once_their_worker_is_gone_and_no_sooner(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "usage", "w")
    spool.append(1, new(rows_of(5), [0]))
    spool.append(2, new(rows_of(6, "Ω"), [0]))
    assert found(tmp_path / "usage") == {}
    spool.close()
    assert found(tmp_path / "usage") == {"w": [(1, batch_of(5)), (2, batch_of(6, "Ω"))]}


def test_nothing_to_write_makes_no_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "usage", "w")
    spool.replace([], 1, [])
    spool.remove()
    assert list(tmp_path.iterdir()) == []


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "usage", "w")
    spool.append(1, new(rows_of(1), [0]))
    spool.replace([(1, batch_of(1))], 2, [])
    (file,) = (tmp_path / "usage").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_is_held_in_place_of_the_rest_is_still_locked_and_goes_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    for number in range(1, 4):
        spool.append(number, new(rows_of(number), [0]))
    spool.replace([(3, batch_of(3))], 4, [])
    assert found(tmp_path) == {}
    spool.append(4, new(rows_of(4), [0]))
    assert spool.size_bytes == os.path.getsize(spool.path)
    spool.close()
    assert found(tmp_path) == {"w": [(3, batch_of(3)), (4, batch_of(4))]}


def test_a_line_that_was_cut_off_is_no_batch(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    spool.append(1, new(rows_of(1), [0]))
    spool.append(2, new(rows_of(2), [0]))
    spool.close()
    os.truncate(spool.path, os.path.getsize(spool.path) - 3)
    assert found(tmp_path) == {"w": [(1, batch_of(1))]}


def test_what_was_said_before_a_line_that_was_cut_off_holds(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    spool.append(1, new(rows_of(1, "a"), [0]))
    spool.append(1, new(rows_of(2, "b"), [1]))
    spool.append(1, new(rows_of(3, "a") + rows_of(4, "c"), [0, 2]))
    spool.close()
    os.truncate(spool.path, os.path.getsize(spool.path) - 3)
    assert found(tmp_path) == {"w": [(1, batch_of(1, "a") | batch_of(2, "b"))]}


def test_a_full_disk_leaves_whole_lines_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = Spool(tmp_path, "w")
    spool.append(1, new(rows_of(1), [0]))
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, text: write(file, text[:10]))
    spool.append(2, new(rows_of(2), [0]))
    spool.replace([(2, batch_of(2))], 3, [])
    monkeypatch.setattr(os, "write", write)
    spool.append(3, new(rows_of(3), [0]))
    spool.close()
    assert found(tmp_path) == {"w": [(1, batch_of(1)), (3, batch_of(3))]}
    assert capsys.readouterr().out.count("usage_spool_unwritable") == 1


def test_a_folder_that_cannot_be_made_is_said_and_raises_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "usage").write_text("")
    spool = Spool(tmp_path / "usage", "w")
    spool.append(1, new(rows_of(1), [0]))
    spool.replace([], 1, [])
    spool.remove()
    assert "usage_spool_unwritable" in capsys.readouterr().out


def test_removing_takes_along_what_an_end_left_beside_the_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    spool.append(1, new(rows_of(1), [0]))
    (tmp_path / "w.new").touch()
    spool.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_last_of_a_place_is_its_row(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    spool.append(1, new(rows_of(1), [0]))
    spool.append(1, new(rows_of(3), [0]))
    spool.replace([], 1, rows_of(4))
    spool.append(2, new(rows_of(5) + rows_of(6), [0, 1]))
    spool.close()
    both = {Account(3600, "acme", "key", "m"): Counts(11, 2, 4, 6, 8, 10)}
    assert found(tmp_path) == {"w": [(1, batch_of(4)), (2, both)]}


def test_a_line_changes_its_places_alone_and_adds_those_that_are_new(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    spool.append(1, new(rows_of(1, "a") + rows_of(2, "b"), [0, 1]))
    spool.replace([], 1, rows_of(3, "a") + rows_of(4, "b"))
    spool.append(1, new(rows_of(5, "c") + rows_of(6, "b"), [2, 1]))
    spool.append(1, new(rows_of(7, "c"), [2]))
    spool.close()
    batch = batch_of(3, "a") | batch_of(6, "b") | batch_of(7, "c")
    assert found(tmp_path) == {"w": [(1, batch)]}


def test_of_rows_that_were_told_sums_are_enough(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    spool.append(1, new(rows_of(1, "a") + rows_of(2, "b"), [0, 1]))
    spool.append(1, Changes(rows_of(3, "c"), [2], [1, 20, 1, 2, 3, 4, 5]))
    spool.append(1, Changes([], [], [2, 30, 1, 2, 3, 4, 5, 0, 10, 1, 2, 3, 4, 5]))
    spool.close()
    batch = batch_of(10, "a") | batch_of(20, "b") | batch_of(30, "c")
    assert found(tmp_path) == {"w": [(1, batch)]}


@pytest.mark.parametrize(
    ("line", "advice"),
    [("[1,[],[],[0,9,1,2,3,4,5,1,8,1,2,3,4,5]]", "rows [0] are"), ("[1,[],[],[1,8]]", "shorter")],
    ids=["of a row that nobody told", "cut off"],
)
def test_sums_that_cannot_be_read_spoil_no_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, advice: str
) -> None:
    """A machine that lost power may have lost a line from the middle."""
    row = '[3600,"acme","key","b",7,1,2,3,4,5]'
    (tmp_path / "w.usage").write_text(f"[1,[{row}],[1],[]]\n{line}\n[1,[],[],[1,8,1,2,3,4,5]]\n")
    assert found(tmp_path) == {"w": [(1, batch_of(8, "b"))]}
    said = capsys.readouterr().out
    assert "usage_line_unreadable" in said and advice in said


def test_half_a_line_that_could_not_be_cut_off_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("the disk is away")

    spool = Spool(tmp_path, "w")
    assert spool.append(1, new(rows_of(1), [0]))
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, text: write(file, text[:10]))
        assert not spool.append(1, new(rows_of(2), [0]))
        patched.setattr(os, "ftruncate", refuse)
        assert not spool.append(1, new(rows_of(3), [0]))
    assert spool.append(1, new(rows_of(4), [0]))
    spool.close()
    assert found(tmp_path) == {"w": [(1, batch_of(4))]}


def test_a_file_of_the_version_before_is_read(tmp_path: Path) -> None:
    """Its lines are whole: the last of a number is its batch."""
    (tmp_path / "w.usage").write_text(
        '[1,[[3600,"acme","key","m",1,1,2,3,4,5],[3600,"acme","key","n",1,1,2,3,4,5]]]\n'
        '[1,[[3600,"acme","key","m",2,1,2,3,4,5]]]\n'
        '[2,[[3600,"acme","key","m",3,1,2,3,4,5]]]\n'
    )
    assert found(tmp_path) == {"w": [(1, batch_of(2)), (2, batch_of(3))]}
