"""Lines of the access log: what is in them, and where they go."""

import json
import os
import select
from pathlib import Path

import pytest

from gateway.data import access_log
from gateway.data.access_log import AccessLog
from gateway.data.log_members import members

PEER = members(peer="127.0.0.1")
PRINCIPAL = members(tenant="acme", principal="k1")
TARGET = members(path="/v2/a", model="a")


def write(
    log: AccessLog, *, code: str = "", principal: bytes = PRINCIPAL, target: bytes = TARGET
) -> None:
    log.write(
        b"r-1",
        PEER,
        principal,
        b"POST",
        target,
        status=200,
        code=code,
        seconds=0.0123456,
        triton_s=0.01,
        received_bytes=30,
        sent_bytes=20,
        traceparent=b"00-a-b-01",
    )


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_tells_who_asked_for_what_and_how_it_went(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "access.log"
    log = AccessLog(str(path), now_s=lambda: 1_790_000_000.25)
    write(log)
    log.close()
    assert lines(path) == [
        {
            "time": "2026-09-21T14:13:20.250Z",
            "request_id": "r-1",
            "peer": "127.0.0.1",
            "tenant": "acme",
            "principal": "k1",
            "method": "POST",
            "path": "/v2/a",
            "model": "a",
            "status": 200,
            "duration_us": 12345,
            "triton_us": 10000,
            "received_bytes": 30,
            "sent_bytes": 20,
            "traceparent": "00-a-b-01",
        }
    ]


def test_a_problem_is_told_by_its_code(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    write(log, code="quota_exceeded")
    log.close()
    assert lines(tmp_path / "log")[0]["code"] == "quota_exceeded"


def test_what_a_client_made_up_cannot_break_a_line(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    made_up = members(path='/"\n\xff\x00', model="")
    write(log, principal=members(tenant="", principal='jwt:"\n'), target=made_up)
    log.close()
    (line,) = lines(tmp_path / "log")
    assert line["path"] == '/"\n\xff\x00' and line["principal"] == 'jwt:"\n'


def test_lines_are_written_by_flush_or_when_there_are_many(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path))
    write(log)
    assert not path.read_text()
    log.flush()
    assert len(lines(path)) == 1
    for _ in range(access_log.FLUSH_LINES):
        write(log)
    assert len(lines(path)) == 1 + access_log.FLUSH_LINES
    log.close()


def test_a_file_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    log = AccessLog(str(path))
    write(log)
    log.flush()
    path.rename(old)
    write(log)
    log.flush()
    old.unlink()
    path.unlink()
    write(log)
    log.close()
    assert len(lines(path)) == 1


def test_a_disk_that_takes_nothing_is_said_once_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    log = AccessLog(str(tmp_path / "log"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        for _ in range(3):
            write(log)
            log.flush()
    assert capsys.readouterr().out.count("access_log_unwritable") == 1
    write(log)
    log.close()
    assert len(lines(tmp_path / "log")) == 1


def test_after_its_end_nothing_is_written(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"))
    write(log)
    log.close()
    with (tmp_path / "another").open("wb") as another:
        # A file that took over the number of the one that was closed.
        assert another.fileno() == log._file
        write(log)
        log.flush()
    assert len(lines(tmp_path / "log")) == 1
    assert (tmp_path / "another").read_bytes() == b""


def test_a_disk_that_fails_anew_is_said_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    log = AccessLog(str(tmp_path / "log"))
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            write(log)
            log.flush()
        write(log)
        log.flush()
    log.close()
    assert capsys.readouterr().out.count("access_log_unwritable") == 2


def test_standard_output_will_do(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    log = AccessLog("-")
    write(log)
    log.close()
    assert json.loads(capfdbinary.readouterr().out)["request_id"] == "r-1"


def test_lines_of_several_writers_to_a_pipe_do_not_mix() -> None:
    reader, writer = os.pipe()
    out = os.dup(1)
    os.dup2(writer, 1)
    try:
        log = AccessLog("-")
        for _ in range(access_log.FLUSH_LINES // 2):
            write(log)
        sizes: list[int] = []
        real = os.write

        def counted(file: int, data: bytes) -> int:
            sizes.append(len(data))
            assert data.endswith(b"\n")
            return real(file, data)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(os, "write", counted)
            log.flush()
    finally:
        os.dup2(out, 1)
        os.close(out)
        os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = [json.loads(line) for line in pipe]
    assert len(told) == access_log.FLUSH_LINES // 2
    assert len(sizes) > 1 and max(sizes) <= select.PIPE_BUF


def test_a_pipe_that_nobody_reads_holds_no_request_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader, writer = os.pipe()
    log = AccessLog("-")
    log._file = writer
    for _ in range(20):
        for _ in range(access_log.FLUSH_LINES - 1):
            write(log)
        log.flush()
    os.close(reader)
    os.close(writer)
    assert capsys.readouterr().out.count("access_log_unwritable") == 1


def test_of_a_share_every_so_many_answers_and_all_errors_are_wanted(tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "log"), share=0.25)
    assert [log.wants(200) for _ in range(8)] == [False, False, False, True] * 2
    assert all(log.wants(status) for status in (400, 429, 499, 503))
    none = AccessLog(str(tmp_path / "log"), share=0)
    assert not any(none.wants(200) for _ in range(1000))
    log.close()
    none.close()
