"""What the processes wrote down, as one list of who was admitted when."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

# Of the access log: its times are cut off to it.
RESOLUTION_US = 1000
_ADMITTED = 200
_STORE_MODE = re.compile(r"^(\S+)\s.*quota_store_(?:away.*mode=(\w+)|(back))", re.MULTILINE)


class Admitted(NamedTuple):
    """A request that was let through, at most a millisecond after `at_us`.

    The access log tells when it was answered, cut off to a millisecond, and for how long Triton had
    it before; when it reached the upstream is known as well, and taken if that was earlier, or if a
    killed worker had not written its line yet.
    """

    tenant: int
    at_us: int
    # Of the time in which it was in flight for certain: at the upstream.
    arrived_us: int
    ended_us: int


class Sent(NamedTuple):
    """A request as its client saw it; status 0: no answer came."""

    tenant: int
    sent_us: int
    done_us: int
    status: int


class _Line(msgspec.Struct):
    time: datetime
    request_id: str
    status: int
    duration_us: int
    triton_us: int
    code: str = ""


class _Arrived(NamedTuple):
    at_us: int
    ended_us: int


@dataclass
class Logs:
    """Of one run."""

    admitted: list[Admitted]
    sent: list[Sent]
    # Answered with 200, by a client's or an access log, but unknown to the upstream.
    unexplained: int
    # By status and code.
    answers: Counter[str]
    # Lines of the access logs that tell of admitted requests.
    by_access_log: int = 0
    # Of those that have one: how much later than by it the request was at the upstream.
    later_us: list[int] = field(default_factory=list)


class Change(NamedTuple):
    """A worker's limiter goes over to this mode."""

    at_s: float
    mode: str


def read_logs(access: Iterable[Path], upstream: Path, clients: Iterable[Path]) -> Logs:
    """The logs of all processes, put together by the ids of requests."""
    arrived = dict(_arrivals(upstream))
    answers: Counter[str] = Counter()
    lines = {}
    for line in _lines(access):
        answers[f"{line.status} {line.code}".strip()] += 1
        if line.status == _ADMITTED:
            lines[line.request_id] = line
    sent = {request_id: one for path in clients for request_id, one in _read_sent(path)}
    admitted = [_admitted(one, lines.get(one), times) for one, times in arrived.items()]
    answered = {request_id for request_id, one in sent.items() if one.status == _ADMITTED}
    unexplained = len((answered | lines.keys()) - arrived.keys())
    later_us = [arrived[one].at_us - _began_us(lines[one]) for one in lines if one in arrived]
    admitted.sort(key=lambda one: one.at_us)
    return Logs(admitted, list(sent.values()), unexplained, answers, len(lines), later_us)


def read_changes(logs: Iterable[Path]) -> list[Change]:
    """Of the modes of all workers, in order."""
    found = [match for path in logs for match in _STORE_MODE.finditer(path.read_text())]
    return sorted(
        Change(datetime.fromisoformat(match[1]).timestamp(), match[2] or "exact") for match in found
    )


def tenant_of(request_id: str) -> int:
    """The clients begin an id with its number."""
    return int(request_id.partition("-")[0])


def _admitted(request_id: str, line: _Line | None, arrived: _Arrived) -> Admitted:
    at_us = arrived.at_us if line is None else min(_began_us(line), arrived.at_us)
    return Admitted(tenant_of(request_id), at_us, arrived.at_us, arrived.ended_us)


def _began_us(line: _Line) -> int:
    # Not its duration: a request may have waited for the store before it was admitted.
    return _time_us(line) - line.triton_us


def _time_us(line: _Line) -> int:
    return round(line.time.timestamp() * 1000) * 1000


def _lines(paths: Iterable[Path]) -> Iterator[_Line]:
    decode = msgspec.json.Decoder(_Line).decode
    for path in paths:
        with path.open("rb") as file:
            # Others ask for the health of the gateway, without an id of the clients.
            yield from (
                line for line in map(decode, file) if line.request_id.partition("-")[0].isdigit()
            )


def _arrivals(path: Path) -> Iterator[tuple[str, _Arrived]]:
    for line in path.read_text().splitlines():
        request_id, at_us, ended_us = line.split()
        # Ids that a gateway made itself are of its own questions.
        if request_id.partition("-")[0].isdigit():
            yield request_id, _Arrived(int(at_us), int(ended_us))


def _read_sent(path: Path) -> Iterator[tuple[str, Sent]]:
    for line in path.read_text().splitlines():
        request_id, *numbers = line.split()
        sent_us, done_us, status = map(int, islice(numbers, 3))
        yield request_id, Sent(tenant_of(request_id), sent_us, done_us, status)
