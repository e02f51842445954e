"""What Triton itself answers to the corpus, and clients of the gateway before it."""

import time
from collections.abc import Iterator

import pytest

from tests.gateway.conftest import RunningGateway
from tests.gateway.differential.case import Case
from tests.gateway.differential.corpus import corpus
from tests.gateway.differential.wire import PATIENCE_S, Answer, KeepAliveClient

Answers = dict[str, Answer]


@pytest.fixture(scope="package")
def token(gateway: RunningGateway) -> str:
    """Of a key that may do everything."""
    return gateway.new_key(grants=["*=*"]).token


@pytest.fixture
def client(gateway: RunningGateway) -> Iterator[KeepAliveClient]:
    client = KeepAliveClient(gateway.port)
    yield client
    client.close()


# One whole pass after the other: some requests are steps that build on one another.


@pytest.fixture(scope="package")
def direct(gateway: RunningGateway) -> Answers:
    """All answers of Triton itself, by the name of the case."""
    return _all_answers(gateway.triton_port, [case for case in corpus() if not case.ours], None)


@pytest.fixture(scope="package")
def through(gateway: RunningGateway, direct: Answers, token: str) -> Answers:
    """All answers that come through the gateway."""
    return _all_answers(gateway.port, corpus(), token)


def _all_answers(port: int, cases: list[Case], token: str | None) -> Answers:
    client = KeepAliveClient(port)
    try:
        return {case.name: _ask(client, case, token) for case in cases}
    finally:
        client.close()


def _ask(client: KeepAliveClient, case: Case, token: str | None) -> Answer:
    request = case.wire("host", token)
    end_s = time.monotonic() + PATIENCE_S
    while case.until not in (answer := client.ask(request)).body:
        assert time.monotonic() < end_s, f"{case.name}: {answer}"
    return answer
