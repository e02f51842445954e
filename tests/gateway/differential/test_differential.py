"""The same requests to Triton and through the gateway: the same answers, to the byte."""

import time
from dataclasses import dataclass

import pytest

from tests.gateway.conftest import RunningGateway
from tests.gateway.differential.case import Case
from tests.gateway.differential.corpus import corpus
from tests.gateway.differential.wire import PATIENCE_S, Answer, KeepAliveClient

CORPUS = corpus()


@dataclass
class Answers:
    """All answers of both, by the name of the case."""

    direct: dict[str, Answer]
    through: dict[str, Answer]


@pytest.fixture(scope="module")
def answers(gateway: RunningGateway) -> Answers:
    """One whole pass after the other: some requests are steps that build on one another."""
    token = gateway.new_key(grants=["*=*"]).token
    direct, through = KeepAliveClient(gateway.triton_port), KeepAliveClient(gateway.port)
    try:
        return Answers(
            {case.name: _ask(direct, case, None) for case in CORPUS if not case.ours},
            {case.name: _ask(through, case, token) for case in CORPUS},
        )
    finally:
        direct.close()
        through.close()


def _ask(client: KeepAliveClient, case: Case, token: str | None) -> Answer:
    request = case.wire("host", token)
    end_s = time.monotonic() + PATIENCE_S
    while case.until not in (answer := client.ask(request)).body:
        assert time.monotonic() < end_s, f"{case.name}: {answer}"
    return answer


def test_the_corpus_is_large_and_each_request_distinct() -> None:
    assert len({case.wire("host", None) for case in CORPUS if not case.ours}) >= 500
    assert len({case.name for case in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("case", [x for x in CORPUS if not x.ours], ids=lambda case: case.name)
def test_the_gateway_answers_as_triton_does(answers: Answers, case: Case) -> None:
    direct, through = answers.direct[case.name], answers.through[case.name]
    assert not direct.broken
    assert through.status == direct.status
    assert case.comparable(through.body) == case.comparable(direct.body)
    assert through.end_to_end() == direct.through_gateway()
    assert through.field("via") == "1.1 conch"
    assert through.field("proxy-status") is None
    assert through.field("connection") is None


@pytest.mark.parametrize("case", [x for x in CORPUS if x.ours], ids=lambda case: case.name)
def test_the_gateway_refuses_by_design(answers: Answers, case: Case) -> None:
    assert case.ours is not None
    through = answers.through[case.name]
    assert through.status == case.ours.status
    assert f'"code":"{case.ours.code}"'.encode() in through.body
    assert (through.field("proxy-status") or "").startswith("conch; error=")
