"""A slot's decisions where no worker ever comes up; with real workers they are in test_parent."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.listening import open_listeners
from gateway.slot import Slot


def new_slot(state_dir: Path, failures: list[BaseException]) -> Slot:
    (listeners,) = open_listeners("127.0.0.1", 0)
    return Slot(
        0,
        listeners,
        state_dir=state_dir,
        is_last=lambda: False,
        on_failure=failures.append,
    )


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


def test_a_slot_that_is_given_up_while_it_is_to_be_replaced_has_nothing_to_replace(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        slot = new_slot(tmp_path, [])
        async with slot._changing:
            replacing = asyncio.create_task(slot.replace())
            await asyncio.sleep(0)
            slot._give_up()
        assert await replacing
        assert not slot._workers

    run(test)


def test_a_task_that_fails_is_heard_of(tmp_path: Path) -> None:
    async def test() -> None:
        failures: list[BaseException] = []
        slot = new_slot(tmp_path, failures)
        error = RuntimeError("broken")

        async def failing() -> None:
            raise error

        slot._in_background(failing())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert failures == [error]
        slot.end()
        await slot.ended(0)

    run(test)
