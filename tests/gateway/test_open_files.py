"""What the limit of open files leaves for clients."""

import resource

import pytest

from gateway import open_files
from gateway.data.handshakes import most_handshakes
from gateway.open_files import RESERVED, most_connections


class Limits:
    """The process's limit, without changing it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> None:
        self.limits = (soft, hard)
        monkeypatch.setattr(open_files.resource, "getrlimit", lambda _: self.limits)
        monkeypatch.setattr(open_files.resource, "setrlimit", self._set)

    def _set(self, _: int, limits: tuple[int, int]) -> None:
        self.limits = limits


def test_the_limit_is_raised_as_far_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1024, 1_000_000)
    assert most_connections(20_000, 256, has_tls=False, was_asked_for=True) == 20_000
    assert limits.limits == (20_000 + 256 + RESERVED, 1_000_000)


def test_a_limit_that_is_high_enough_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 100_000, 100_000)
    assert most_connections(20_000, 256, has_tls=False, was_asked_for=True) == 20_000
    assert limits.limits == (100_000, 100_000)


def test_no_limit_at_all_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1024, resource.RLIM_INFINITY)
    assert most_connections(20_000, 256, has_tls=False, was_asked_for=True) == 20_000
    assert limits.limits[0] == 20_000 + 256 + RESERVED


def test_fewer_clients_are_taken_where_it_cannot_be_raised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = Limits(monkeypatch, 256, 4096)
    assert most_connections(20_000, 256, has_tls=False, was_asked_for=True) == 4096 - 256 - RESERVED
    assert limits.limits == (4096, 4096)
    said = capsys.readouterr().out
    assert "fewer_connections" in said and "warning" in said


def test_nobody_is_warned_who_asked_for_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Limits(monkeypatch, 256, 4096)
    assert most_connections(20_000, 256, has_tls=False, was_asked_for=False) < 4096
    said = capsys.readouterr().out
    assert "fewer_connections" in said and "warning" not in said


def test_one_client_is_always_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(monkeypatch, 256, 256)
    assert most_connections(20_000, 256, has_tls=False, was_asked_for=True) == 1


def test_handshakes_have_room_beside_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(monkeypatch, 1024, 1_000_000)
    assert most_connections(20_000, 256, has_tls=True, was_asked_for=True) == 20_000
    assert limits.limits[0] == 20_000 + most_handshakes(20_000) + 256 + RESERVED
    Limits(monkeypatch, 256, 4096)
    left = most_connections(20_000, 256, has_tls=True, was_asked_for=True)
    assert 0 < left + most_handshakes(left) <= 4096 - 256 - RESERVED
