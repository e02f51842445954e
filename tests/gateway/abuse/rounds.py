"""All cases in random order against one gateway: `python -m tests.gateway.abuse.rounds`.

A round is one case: what a client sends, what Triton answers, or a client that breaks off.
Afterwards nothing may be left of any of them: no connection, no request in flight, no memory.
"""

import argparse
import contextlib
import ctypes
import gc
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from gateway.data import health
from gateway.data.attempts import Attempts
from tests.gateway.abuse import all_cases, answer_cases
from tests.gateway.abuse.answer_cases import AnswerCase
from tests.gateway.abuse.case import INFER, KEY, Case, infer
from tests.gateway.abuse.trial import seen_by, try_case
from tests.gateway.fake_triton import OK, FakeTriton
from tests.gateway.helpers import Gateway, running, until

_REQUEST = infer(b"Content-Length: 3\r\n", b"abc")
MAX_CONNECTIONS = 8
# Rounds that fill caches, after which memory is measured for the first time.
WARM_UP = 0.25
MAX_GROWTH_KB = 4 * 1024

Round = Callable[[Gateway, FakeTriton], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process holds."""

    resident_kb: int
    descriptors: int


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of one run."""

    rounds: int
    seconds: float
    before: Usage
    after: Usage

    @property
    def grown_kb(self) -> int:
        return self.after.resident_kb - self.before.resident_kb

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds in {self.seconds:.1f} s; memory {self.before.resident_kb} kB "
            f"-> {self.after.resident_kb} kB ({self.grown_kb:+} kB since a quarter of them), "
            f"descriptors {self.before.descriptors} -> {self.after.descriptors}"
        )


async def play(rounds: int, seed: int) -> Report:
    """Play so many rounds; fails on the first that does not end as it should."""
    choice = random.Random(seed)
    kinds = _all_rounds()
    triton = FakeTriton()
    started_s = time.monotonic()
    async with running(triton, max_connections=MAX_CONNECTIONS) as gateway:
        # All rounds come from one address, which would soon have failed too often.
        gateway.gate.authenticator._attempts = Attempts(None)
        await gateway.ask(_REQUEST.replace(KEY, gateway.token.encode()))
        before = None
        for number in range(rounds):
            triton.asked.clear()
            await choice.choice(kinds)(gateway, triton)
            # What Triton has closed must not be taken for the next round.
            await until(lambda: _open(triton) == gateway.pool.open_connections)
            if number == int(WARM_UP * rounds):
                before = await _rest(gateway, triton)
        after = await _rest(gateway, triton)
        assert before is not None
    return Report(rounds, time.monotonic() - started_s, before, after)


async def _rest(gateway: Gateway, triton: FakeTriton) -> Usage:
    """Everything must come to rest; what is held then."""
    pool = gateway.pool
    await until(lambda: gateway.server.open_connections == 0)
    await until(lambda: _open(triton) == pool.open_connections)
    assert gateway.gate.metrics.in_flight == 0
    assert len(pool._idle) == pool.open_connections <= MAX_CONNECTIONS
    assert not pool._waiting and not pool._connecting
    gc.collect()
    # Else what the allocator keeps for later counts as held.
    ctypes.CDLL(None).malloc_trim(0)
    return Usage(_resident_kb(), len(os.listdir("/proc/self/fd")))


def _open(triton: FakeTriton) -> int:
    return triton.connections - triton.closed


def _resident_kb() -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])


def _all_rounds() -> list[Round]:
    requests = [_request_round(case) for case in all_cases.CASES]
    answers = [_answer_round(case) for case in answer_cases.CASES]
    leaving = [_leaving_round(end) for end in range(0, len(_REQUEST), 3)]
    return [*requests, *answers, *leaving]


def _request_round(case: Case) -> Round:
    async def play_request(gateway: Gateway, triton: FakeTriton) -> None:
        asked = await try_case(case, gateway)
        assert tuple(seen_by(triton)) == asked, case.name

    return play_request


def _answer_round(case: AnswerCase) -> Round:
    async def play_answer(gateway: Gateway, triton: FakeTriton) -> None:
        triton.answer, triton.closes = case.data, case.closes
        client = await gateway.connect()
        try:
            await client.send(_REQUEST.replace(KEY, gateway.token.encode()))
            if case.status is None:
                with contextlib.suppress(ConnectionError):
                    while await client.read_some():
                        pass
            else:
                reply = await client.answer(is_head=case.status == 204)
                assert reply.status == case.status, case.name
        finally:
            client.close()
            gateway.clients.remove(client)
            triton.answer, triton.closes = OK, False
        assert [one for one, _ in seen_by(triton)] == [INFER], case.name

    return play_answer


def _leaving_round(end: int) -> Round:
    async def leave(gateway: Gateway, triton: FakeTriton) -> None:
        client = await gateway.connect()
        await client.send(_REQUEST.replace(KEY, gateway.token.encode())[:end])
        client.close()
        gateway.clients.remove(client)

    return leave


def main() -> int:
    # Every case's questions are to reach Triton.
    health.FRESH_S = 0.0
    """Exit code 1 if memory has grown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the random order")
    arguments = parser.parse_args()
    report = uvloop.run(play(arguments.rounds, arguments.seed))
    print(report)
    return int(report.grown_kb > MAX_GROWTH_KB)


if __name__ == "__main__":
    if os.environ.get("PYTHONMALLOC") != "malloc":
        # Python's own allocator keeps what it once had, in which a leak would hide.
        os.execve(sys.executable, sys.orig_argv, os.environ | {"PYTHONMALLOC": "malloc"})
    raise SystemExit(main())
