"""The same requests to Triton and through the gateway: the same answers, to the byte."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.gateway.conftest import RunningGateway
from tests.gateway.differential.case import Case
from tests.gateway.differential.conftest import Answers
from tests.gateway.differential.corpus import corpus
from tests.gateway.differential.wire import Answer, KeepAliveClient

CORPUS = corpus()
# Cases that can be asked in any order and number.
SINGLE = [
    case
    for case in CORPUS
    if not case.ours and case.path.endswith("/infer") and "/counter/" not in case.path
]
CLIENTS = 8
AHEAD = 16


def test_the_corpus_is_large_and_each_request_distinct() -> None:
    assert len({case.wire("host", None) for case in CORPUS if not case.ours}) >= 500
    assert len({case.name for case in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("case", [x for x in CORPUS if not x.ours], ids=lambda case: case.name)
def test_the_gateway_answers_as_triton_does(direct: Answers, through: Answers, case: Case) -> None:
    assert not direct[case.name].broken
    _assert_same(case, through[case.name], direct[case.name])


@pytest.mark.parametrize("case", [x for x in CORPUS if x.ours], ids=lambda case: case.name)
def test_the_gateway_refuses_by_design(through: Answers, case: Case) -> None:
    assert case.ours is not None
    answer = through[case.name]
    assert answer.status == case.ours.status
    assert f'"code":"{case.ours.code}"'.encode() in answer.body
    assert (answer.field("proxy-status") or "").startswith("conch; error=")


def test_requests_may_arrive_in_any_pieces(
    client: KeepAliveClient, direct: Answers, token: str
) -> None:
    chosen = random.Random(6)
    for case in chosen.sample(SINGLE, 300):
        pieces = _cut(case.wire("host", token), chosen)
        _assert_same(case, client.ask_in_pieces(pieces), direct[case.name])


def test_requests_sent_ahead_are_answered_in_order(
    client: KeepAliveClient, direct: Answers, token: str
) -> None:
    """Triton itself does not do this."""
    chosen = random.Random(7)
    for _ in range(12):
        cases = chosen.sample(SINGLE, AHEAD)
        answers = client.ask_ahead([case.wire("host", token) for case in cases])
        for case, answer in zip(cases, answers, strict=True):
            _assert_same(case, answer, direct[case.name])


def test_answers_do_not_mix_when_many_ask_at_once(
    gateway: RunningGateway, direct: Answers, token: str
) -> None:
    def ask(seed: int) -> None:
        client = KeepAliveClient(gateway.port)
        try:
            for case in random.Random(seed).sample(SINGLE, 100):
                _assert_same(case, client.ask(case.wire("host", token)), direct[case.name])
        finally:
            client.close()

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(ask, range(CLIENTS)))


def _assert_same(case: Case, through: Answer, direct: Answer) -> None:
    assert through.status == direct.status
    assert case.comparable(through.body) == case.comparable(direct.body)
    assert through.end_to_end() == direct.through_gateway()
    assert through.field("via") == "1.1 conch"
    assert through.field("proxy-status") is None
    assert through.field("connection") is None


def _cut(request: bytes, chosen: random.Random) -> Iterator[bytes]:
    """The request in up to eight pieces, cut anywhere."""
    ends = sorted(chosen.sample(range(1, len(request)), min(7, len(request) - 1)))
    for start, end in zip([0, *ends], [*ends, len(request)], strict=True):
        yield request[start:end]
