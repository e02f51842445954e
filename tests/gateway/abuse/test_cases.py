"""What a hostile client may send: each case has its answers, its end and what Triton sees of it."""

from collections import Counter

import pytest

from tests.gateway.abuse.all_cases import CASES
from tests.gateway.abuse.case import Case
from tests.gateway.abuse.trial import seen_by, try_case
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import run, running, until


def test_there_are_at_least_two_hundred_cases_and_no_two_are_the_same() -> None:
    assert len({case.data for case in CASES}) == len(CASES) >= 200
    assert not [name for name, count in Counter(case.name for case in CASES).items() if count > 1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_ends_as_it_should_and_triton_sees_no_more(case: Case) -> None:
    async def test() -> None:
        triton = FakeTriton()
        async with running(triton) as gateway:
            asked = await try_case(case, gateway)
            await until(lambda: gateway.server.open_connections == 0)
            assert gateway.gate.metrics.in_flight == 0
        assert tuple(seen_by(triton)) == asked

    run(test)
