"""A broken or hostile Triton: the client gets a whole answer or sees that it is none."""

import asyncio
from collections import Counter

import pytest

from tests.gateway.abuse.answer_cases import CASES, AnswerCase
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import INFER, assert_problem, post, run, running, until


def _triton(case: AnswerCase) -> FakeTriton:
    async def behave(
        triton: FakeTriton, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await triton.read_request(reader)
        writer.write(case.data)
        if not case.closes:
            # The end of the connection to the gateway.
            await reader.read()
            return
        writer.close()
        await writer.wait_closed()

    return FakeTriton(behaviour=behave)


def test_no_two_cases_are_the_same() -> None:
    assert len({(case.data, case.closes) for case in CASES}) == len(CASES)
    assert not [name for name, count in Counter(case.name for case in CASES).items() if count > 1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer_is_passed_on_whole_or_not_at_all(case: AnswerCase) -> None:
    async def test() -> None:
        async with running(_triton(case)) as gateway:
            client = await gateway.connect()
            await client.send(post(INFER, gateway.token))
            if case.status is None:
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await client.answer()
            else:
                reply = await client.answer(is_head=case.status == 204)
                assert reply.status == case.status, reply
                if case.status == 502:
                    assert_problem(reply, 502, "upstream_failed")
                else:
                    assert reply.body == case.body
            await until(lambda: gateway.pool.open_connections == int(case.is_pooled))
            assert gateway.gate.metrics.in_flight == 0

    run(test)
