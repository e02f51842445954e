"""From tokens to principals: what is asked of the records, and what is remembered."""

import asyncio
from datetime import UTC, datetime

import pytest

from gateway import keys
from gateway.data import auth
from gateway.data.auth import MISSING, NOT_VALID, Authenticator
from gateway.data.peer import Peer
from gateway.errors import Overloaded, Unauthenticated
from gateway.keys import Key
from gateway.permissions import client_grants

PEER = Peer("127.0.0.1")


class Keys:
    """Records of keys that a test can hold up."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def add(self) -> bytes:
        new = keys.generate()
        token = new.token.encode()
        self.keys[new.id] = Key(
            new.id,
            "acme",
            keys.hash_token(token),
            client_grants("*"),
            None,
            datetime.now(UTC),
            None,
        )
        return token

    async def find(self, key_id: str) -> Key | None:
        self.asked.append(key_id)
        key = self.keys.get(key_id)
        await self.may_answer.wait()
        return key


def test_no_token_and_junk_never_reach_the_records() -> None:
    records = Keys()
    authenticator = Authenticator(records.find)
    for token, text in ((b"", MISSING), (b"junk", NOT_VALID), (b"ck_a_b_c", NOT_VALID)):
        with pytest.raises(Unauthenticated) as caught:
            authenticator.known(token, PEER)
        assert str(caught.value) == text
    assert not records.asked


def test_a_known_token_is_not_asked_for_again() -> None:
    async def test() -> None:
        records = Keys()
        authenticator, token = Authenticator(records.find), records.add()
        assert authenticator.known(token, PEER) is None
        principal = await authenticator.look_up(token, PEER)
        assert authenticator.known(token, PEER) is principal
        assert len(records.asked) == 1

    asyncio.run(test())


def test_an_unknown_token_is_remembered_too() -> None:
    async def test() -> None:
        records = Keys()
        authenticator, token = Authenticator(records.find), keys.generate().token.encode()
        with pytest.raises(Unauthenticated, match="not valid"):
            await authenticator.look_up(token, PEER)
        with pytest.raises(Unauthenticated, match="not valid"):
            authenticator.known(token, PEER)
        assert len(records.asked) == 1

    asyncio.run(test())


def test_an_evicted_key_is_asked_for_again() -> None:
    async def test() -> None:
        records = Keys()
        authenticator, token = Authenticator(records.find), records.add()
        principal = await authenticator.look_up(token, PEER)
        authenticator.evict([principal.id])
        assert authenticator.known(token, PEER) is None

    asyncio.run(test())


def test_a_key_that_changes_while_it_is_read_is_not_remembered() -> None:
    async def test() -> None:
        records = Keys()
        authenticator, token = Authenticator(records.find), records.add()
        records.may_answer.clear()
        lookup = asyncio.create_task(authenticator.look_up(token, PEER))
        while not records.asked:
            await asyncio.sleep(0)
        authenticator.evict([records.asked[0]])
        records.may_answer.set()
        await lookup
        assert authenticator.known(token, PEER) is None

    asyncio.run(test())


def test_calls_for_one_token_share_a_question_even_if_the_first_caller_leaves() -> None:
    async def test() -> None:
        records = Keys()
        authenticator, token = Authenticator(records.find), records.add()
        records.may_answer.clear()
        first, *others = [asyncio.create_task(authenticator.look_up(token, PEER)) for _ in range(5)]
        while not records.asked:
            await asyncio.sleep(0)
        first.cancel()
        records.may_answer.set()
        principals = await asyncio.gather(*others)
        assert len(records.asked) == 1
        assert len(set(map(id, principals))) == 1

    asyncio.run(test())


def test_questions_at_one_time_are_bounded() -> None:
    async def test() -> None:
        records = Keys()
        authenticator = Authenticator(records.find)
        records.may_answer.clear()
        tasks = [
            asyncio.create_task(authenticator.look_up(keys.generate().token.encode(), PEER))
            for _ in range(auth.MAX_LOOKUPS)
        ]
        while len(records.asked) < auth.MAX_LOOKUPS:
            await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await authenticator.look_up(records.add(), PEER)
        records.may_answer.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(test())


def test_refused_tokens_are_remembered_in_bounded_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MAX_REFUSED", 3)

    async def test() -> None:
        authenticator = Authenticator(Keys().find)
        for _ in range(10):
            with pytest.raises(Unauthenticated):
                await authenticator.look_up(keys.generate().token.encode(), PEER)
        assert len(authenticator._refused) == 3

    asyncio.run(test())
