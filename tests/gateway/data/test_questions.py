"""Questions are asked once, and so many at a time."""

import asyncio

import pytest

from gateway.data import questions
from gateway.data.questions import Questions
from gateway.errors import Overloaded


class Oracle:
    """Answers when a test lets it."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def answer(self) -> int:
        self.asked += 1
        await self.may_answer.wait()
        return self.asked


def test_those_who_ask_the_same_share_an_answer_even_if_the_first_leaves() -> None:
    async def test() -> None:
        oracle, asked = Oracle(), Questions[str, int]()
        first, *others = [asyncio.create_task(asked.ask("a", oracle.answer)) for _ in range(5)]
        while not oracle.asked:
            await asyncio.sleep(0)
        first.cancel()
        oracle.may_answer.set()
        assert await asyncio.gather(*others) == [1, 1, 1, 1]

    asyncio.run(test())


def test_an_answer_is_not_kept() -> None:
    async def test() -> None:
        oracle, asked = Oracle(), Questions[str, int]()
        oracle.may_answer.set()
        assert [await asked.ask("a", oracle.answer) for _ in range(2)] == [1, 2]

    asyncio.run(test())


def test_questions_at_one_time_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MAX_ASKED", 2)

    async def test() -> None:
        oracle, asked = Oracle(), Questions[str, int]()
        tasks = [asyncio.create_task(asked.ask(about, oracle.answer)) for about in "ab"]
        while oracle.asked < 2:
            await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await asked.ask("c", oracle.answer)
        oracle.may_answer.set()
        await asyncio.gather(*tasks)
        assert await asked.ask("c", oracle.answer) == 3

    asyncio.run(test())


def test_a_failure_is_everybodys_and_nobody_need_be_there_for_it() -> None:
    async def fail() -> int:
        raise ValueError("no")

    async def test() -> None:
        asked = Questions[str, int]()
        task = asyncio.create_task(asked.ask("a", fail))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(ValueError, match="no"):
            await asked.ask("b", fail)

    asyncio.run(test())
