"""The same requests to Triton and through the gateway: the same answers, to the byte."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.gateway.conftest import RunningGateway
from tests.gateway.differential.case import Case
from tests.gateway.differential.corpus import corpus
from tests.gateway.differential.wire import Answer, KeepAliveClient

CORPUS = corpus()


@dataclass
class Answers:
    """All answers of both, by the name of the case."""

    direct: dict[str, Answer]
    through: dict[str, Answer]
    connections: int


@pytest.fixture(scope="module")
def answers(gateway: RunningGateway) -> Iterator[Answers]:
    """One whole pass after the other: some requests are steps that build on one another."""
    token = gateway.new_key().token
    direct, through = KeepAliveClient(gateway.triton_port), KeepAliveClient(gateway.port)
    yield Answers(
        {case.name: direct.ask(case.wire("triton", None)) for case in CORPUS if not case.ours},
        {case.name: through.ask(case.wire("gateway", token)) for case in CORPUS},
        through.connections,
    )
    direct.close()
    through.close()


def test_the_corpus_is_large_and_each_request_distinct() -> None:
    assert len({case.wire("host", None) for case in CORPUS if not case.ours}) >= 500
    assert len({case.name for case in CORPUS}) == len(CORPUS)


def test_no_request_costs_the_connection_to_the_gateway(answers: Answers) -> None:
    assert answers.connections == 1


@pytest.mark.parametrize("case", [x for x in CORPUS if not x.ours], ids=lambda case: case.name)
def test_the_gateway_answers_as_triton_does(answers: Answers, case: Case) -> None:
    direct, through = answers.direct[case.name], answers.through[case.name]
    assert not direct.broken
    assert through.status == direct.status
    assert case.comparable(through.body) == case.comparable(direct.body)
    assert through.end_to_end() == direct.end_to_end()
    assert through.field("via") == "1.1 conch"
    assert through.field("proxy-status") is None


@pytest.mark.parametrize("case", [x for x in CORPUS if x.ours], ids=lambda case: case.name)
def test_the_gateway_refuses_by_design(answers: Answers, case: Case) -> None:
    assert case.ours is not None
    through = answers.through[case.name]
    assert through.status == case.ours.status
    assert f'"code":"{case.ours.code}"'.encode() in through.body
    assert (through.field("proxy-status") or "").startswith("conch; error=")
