"""From tokens to principals: what is asked of the records, and what is remembered."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from math import inf
from typing import Any

import pytest

from gateway import keys
from gateway.data import auth
from gateway.data.attempts import LOOK_UPS, PER_ADDRESS, PER_KEY, Attempts
from gateway.data.auth import MISSING, NOT_VALID, Authenticator, Principal
from gateway.data.last_used import NOTE_EVERY_S
from gateway.data.peer import Peer
from gateway.errors import RecordsUnavailable, TooManyFailures, Unauthenticated
from gateway.keys import Key
from gateway.permissions import client_grants
from tests.gateway.helpers import Clock, until

PEER = Peer("192.0.2.1")
STRANGER = Peer("203.0.113.9")
SUBJECT = "CN=trainer,O=Acme"
GRANTS = client_grants("*")


class World:
    """An authenticator before records that a test can change and hold up."""

    def __init__(self, verifier: auth.TokenVerifier | None = None) -> None:
        self.clock = Clock()
        self.keys: dict[str, Key] = {}
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.authenticator = Authenticator(
            self._find_key,
            find_subject=self._find_subject,
            verifier=verifier,
            attempts=Attempts(now_s=self.clock.seconds),
            clock=self.clock.seconds,
        )

    def add(self, **of_key: Any) -> bytes:
        new = keys.generate()
        token = new.token.encode()
        usual = {"token_hash": keys.hash_token(token), "limit": None, "revoked": None}
        created = self.moment(0)
        key = Key(**{"id": new.id, "tenant": "acme", "grants": GRANTS, "created": created} | usual)
        self.keys[new.id] = dataclasses.replace(key, **of_key)
        return token

    def change(self, token: bytes, **of_key: Any) -> None:
        key_id = id_of(token)
        self.keys[key_id] = dataclasses.replace(self.keys[key_id], **of_key)
        self.authenticator.evict([key_id])

    def moment(self, after_s: float) -> datetime:
        return datetime.fromtimestamp(self.clock.now_s + after_s, UTC)

    async def ask(self, token: bytes, peer: Peer = PEER) -> Principal:
        """What an exchange does."""
        principal = self.authenticator.known(token, peer)
        return principal or await self.authenticator.look_up(token, peer)

    async def is_refused(self, token: bytes, peer: Peer = PEER) -> bool:
        try:
            await self.ask(token, peer)
        except Unauthenticated as error:
            assert str(error) == NOT_VALID
            return True
        return False

    async def is_over_limit(self, token: bytes, peer: Peer = PEER) -> bool:
        try:
            await self.ask(token, peer)
        except TooManyFailures:
            return True
        return False

    async def fail(self, times: int, peer: Peer = PEER, key_id: str | None = None) -> None:
        """Failures with tokens that are all different, of right form."""
        for _ in range(times):
            wrong = keys.generate() if key_id is None else keys.renew(key_id)
            assert await self.is_refused(wrong.token.encode(), peer)

    async def use_up_look_ups(self) -> None:
        """So many as an address has that failed too often, just now."""
        for _ in range(LOOK_UPS.burst):
            assert await self.is_over_limit(keys.generate().token.encode())

    async def _find_key(self, key_id: str) -> Key | None:
        self.asked.append(key_id)
        key = self.keys.get(key_id)
        await self.may_answer.wait()
        return key

    async def _find_subject(self, subject: str) -> Key | None:
        self.asked.append(subject)
        return next((key for key in self.keys.values() if key.tls_subject == subject), None)


def id_of(token: bytes) -> str:
    key_id = keys.parse_id(token)
    assert key_id is not None
    return key_id


def in_world(test: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        await test(World())

    asyncio.run(run())


# Keys.


def test_no_token_and_junk_never_reach_the_records() -> None:
    world = World()
    good = world.add()
    junk = (b"junk", b"ck_a_b_c", good[:-1] + b"!", good + b"\n", b"' OR 1=1 --", b"\xff" * 9000)
    for token, text in ((b"", MISSING), *((token, NOT_VALID) for token in junk)):
        with pytest.raises(Unauthenticated) as caught:
            world.authenticator.known(token, PEER)
        assert str(caught.value) == text
    assert not world.asked


def test_a_lookup_without_the_form_of_a_token_does_not_reach_the_records_either() -> None:
    async def test(world: World) -> None:
        with pytest.raises(Unauthenticated, match="not valid"):
            await world.authenticator.look_up(b"junk", PEER)
        assert not world.asked

    in_world(test)


def test_a_known_token_is_not_asked_for_again() -> None:
    async def test(world: World) -> None:
        token = world.add()
        assert world.authenticator.known(token, PEER) is None
        principal = await world.authenticator.look_up(token, PEER)
        assert world.authenticator.known(token, PEER) is principal
        assert (principal.id, principal.tenant) == (id_of(token), "acme")
        assert principal.grants == GRANTS
        assert world.asked == [id_of(token)]

    in_world(test)


def test_a_changed_key_is_asked_for_again() -> None:
    async def test(world: World) -> None:
        token = world.add()
        await world.ask(token)
        world.change(token, revoked=world.moment(0))
        assert world.authenticator.known(token, PEER) is None
        assert await world.is_refused(token)

    in_world(test)


def test_after_forgetting_all_keys_each_is_asked_for_again() -> None:
    async def test(world: World) -> None:
        token = world.add()
        await world.ask(token)
        world.authenticator.evict_all()
        await world.ask(token)
        assert len(world.asked) == 2

    in_world(test)


def test_a_key_that_changes_while_it_is_read_is_not_remembered() -> None:
    async def test(world: World) -> None:
        token = world.add()
        world.may_answer.clear()
        lookup = asyncio.create_task(world.ask(token))
        while not world.asked:
            await asyncio.sleep(0)
        world.authenticator.evict([id_of(token)])
        world.may_answer.set()
        await lookup
        assert world.authenticator.known(token, PEER) is None

    in_world(test)


def test_calls_for_one_key_share_a_question_even_if_the_first_caller_leaves() -> None:
    async def test(world: World) -> None:
        token = world.add()
        world.may_answer.clear()
        first, *others = [asyncio.create_task(world.ask(token)) for _ in range(5)]
        wrong = asyncio.create_task(world.ask(keys.renew(id_of(token)).token.encode()))
        while not world.asked:
            await asyncio.sleep(0)
        first.cancel()
        world.may_answer.set()
        principals = await asyncio.gather(*others)
        assert [principal.id for principal in principals] == [id_of(token)] * 4
        with pytest.raises(Unauthenticated):
            await wrong
        assert len(world.asked) == 1

    in_world(test)


def test_records_that_cannot_be_read_are_no_failure_of_the_caller() -> None:
    async def unreadable(key_id: str) -> Key | None:
        raise RecordsUnavailable("not now")

    async def test() -> None:
        tries = Attempts(now_s=Clock().seconds)
        authenticator = Authenticator(unreadable, attempts=tries)
        for _ in range(2 * PER_ADDRESS.burst):
            with pytest.raises(RecordsUnavailable):
                await authenticator.look_up(keys.generate().token.encode(), PEER)
        tries.check(PEER.address)

    asyncio.run(test())


# Periods, secrets and networks.


def test_a_key_stops_at_its_very_second_also_from_memory() -> None:
    async def test(world: World) -> None:
        token = world.add(expires=world.moment(10))
        assert (await world.ask(token)).calm_until_s == world.clock.now_s + 10
        world.clock.now_s += 9.999
        assert world.authenticator.known(token, PEER)
        assert len(world.asked) == 1
        world.clock.now_s += 0.001
        assert world.authenticator.known(token, PEER) is None
        assert await world.is_refused(token)

    in_world(test)


def test_a_key_begins_at_its_very_second_also_from_memory() -> None:
    async def test(world: World) -> None:
        token = world.add(not_before=world.moment(10))
        assert await world.is_refused(token)
        world.clock.now_s += 9.999
        assert await world.is_refused(token)
        world.clock.now_s += 0.001
        assert world.authenticator.known(token, PEER)

    in_world(test)


def test_a_clock_that_is_set_back_is_heeded() -> None:
    async def test(world: World) -> None:
        token = world.add(not_before=world.moment(0))
        await world.ask(token)
        world.clock.now_s -= 1
        assert await world.is_refused(token)

    in_world(test)


def test_two_secrets_of_a_key_hold_and_the_old_one_ends_with_the_overlap() -> None:
    async def test(world: World) -> None:
        old = world.add()
        new = keys.renew(id_of(old)).token.encode()
        await world.ask(old)
        world.change(
            old,
            token_hash=keys.hash_token(new),
            old_token_hash=keys.hash_token(old),
            old_ends=world.moment(10),
        )
        first, second = await world.ask(old), await world.ask(new)
        assert first.id == second.id
        assert first.calm_until_s == world.clock.now_s + 10 < second.calm_until_s
        world.clock.now_s += 10
        assert await world.is_refused(old)
        assert world.authenticator.known(new, PEER)

    in_world(test)


def test_a_secret_made_a_moment_ago_holds_before_the_change_was_told() -> None:
    async def test(world: World) -> None:
        old = world.add()
        await world.ask(old)
        new = keys.renew(id_of(old)).token.encode()
        key = world.keys[id_of(old)]
        world.keys[key.id] = dataclasses.replace(key, token_hash=keys.hash_token(new))
        assert await world.ask(new)
        # What was read shows that the old one does not any more.
        assert await world.is_refused(old)

    in_world(test)


def test_a_key_for_some_networks_is_refused_from_elsewhere_also_from_memory() -> None:
    async def test(world: World) -> None:
        token = world.add(networks=("192.0.2.0/24",))
        assert await world.is_refused(token, STRANGER)
        assert await world.ask(token)
        assert await world.ask(token, Peer("::ffff:192.0.2.7"))
        assert len(world.asked) == 1
        assert await world.is_refused(token, STRANGER)
        assert await world.is_refused(token, Peer(""))

    in_world(test)


def test_whatever_is_wrong_the_work_and_the_answer_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Told by counting: so many hashes, comparisons and readings, at first and later."""
    counts: dict[str, int] = {}

    def counted(where: Any, name: str) -> None:
        function = getattr(where, name)

        def count(*arguments: Any) -> Any:
            counts[name] = counts.get(name, 0) + 1
            return function(*arguments)

        monkeypatch.setattr(where, name, count)

    counted(keys, "hash_token")
    counted(keys, "parse_id")
    counted(keys.hmac, "compare_digest")

    async def test(world: World) -> None:
        past = world.moment(-1)
        wrong = {
            "unknown": keys.generate().token.encode(),
            "wrong secret": keys.renew(id_of(world.add())).token.encode(),
            "revoked": world.add(revoked=past),
            "expired": world.add(expires=past),
            "not yet": world.add(not_before=world.moment(9)),
            "elsewhere": world.add(networks=("10.0.0.0/8",)),
        }
        work = []
        for token in wrong.values():
            for _ in range(3):
                counts.clear()
                counts["readings"] = -len(world.asked)
                assert await world.is_refused(token)
                counts["readings"] += len(world.asked)
                work.append(dict(counts))
        assert all(done == work[0] for done in work)
        assert (work[0]["readings"], work[0]["compare_digest"]) == (1, 4)

    in_world(test)


# Last use.


def test_a_use_is_noted_now_and_then_though_memory_lets_in() -> None:
    async def test(world: World) -> None:
        token, last_used = world.add(), world.authenticator.last_used
        noted = []
        for _ in range(5):
            await world.ask(token)
            noted.append(last_used.take())
            world.clock.now_s += NOTE_EVERY_S / 2
        began_s = world.clock.now_s - 2.5 * NOTE_EVERY_S
        expected = [{id_of(token): began_s + times * NOTE_EVERY_S} for times in (0, 1, 2)]
        assert noted == [expected[0], {}, expected[1], {}, expected[2]]
        assert len(world.asked) == 1

    in_world(test)


def test_a_refused_key_is_not_used() -> None:
    async def test(world: World) -> None:
        assert await world.is_refused(world.add(expires=world.moment(-1)))
        assert not world.authenticator.last_used.take()

    in_world(test)


# Certificates.


def test_a_certificate_stands_for_its_key() -> None:
    async def test(world: World) -> None:
        token = world.add(token_hash=keys.hash_subject(SUBJECT), tls_subject=SUBJECT)
        peer = Peer("192.0.2.1", SUBJECT)
        principal = await world.ask(b"", peer)
        assert principal.id == id_of(token)
        assert world.authenticator.known(b"", peer) is principal
        assert world.asked == [SUBJECT]
        world.change(token, revoked=world.moment(0))
        assert await world.is_refused(b"", peer)

    in_world(test)


def test_a_certificate_without_a_key_is_refused_until_there_is_one() -> None:
    async def test(world: World) -> None:
        peer = Peer("192.0.2.1", SUBJECT)
        assert await world.is_refused(b"", peer)
        world.add(token_hash=keys.hash_subject(SUBJECT), tls_subject=SUBJECT)
        assert await world.ask(b"", peer)

    in_world(test)


def test_a_token_decides_before_a_certificate() -> None:
    async def test(world: World) -> None:
        world.add(token_hash=keys.hash_subject(SUBJECT), tls_subject=SUBJECT)
        peer, token = Peer("192.0.2.1", SUBJECT), world.add()
        assert (await world.ask(token, peer)).id == id_of(token)
        assert await world.is_refused(keys.generate().token.encode(), peer)
        assert await world.is_refused(b"junk", peer)

    in_world(test)


def test_a_certificate_whose_time_is_over_lets_nobody_in() -> None:
    async def test(world: World) -> None:
        world.add(token_hash=keys.hash_subject(SUBJECT), tls_subject=SUBJECT)
        end_s = world.moment(60).timestamp()
        assert await world.ask(b"", Peer("192.0.2.1", SUBJECT, end_s))
        assert await world.is_refused(b"", Peer("192.0.2.1", SUBJECT, world.moment(0).timestamp()))
        assert await world.ask(world.add(), Peer("192.0.2.1", SUBJECT, -inf))

    in_world(test)


def test_the_name_of_a_certificate_is_no_token_and_no_token_is_its_key() -> None:
    async def test(world: World) -> None:
        token = world.add(token_hash=keys.hash_subject(SUBJECT), tls_subject=SUBJECT)
        await world.ask(b"", Peer("192.0.2.1", SUBJECT))
        for guess in (token, SUBJECT.encode(), f"subject {SUBJECT}".encode()):
            assert await world.is_refused(guess)

    in_world(test)


def test_without_keys_for_certificates_a_subject_is_nothing() -> None:
    authenticator = Authenticator(World()._find_key)
    with pytest.raises(Unauthenticated) as caught:
        authenticator.known(b"", Peer("192.0.2.1", SUBJECT))
    assert str(caught.value) == MISSING


# Failures.


def test_over_the_limit_of_an_address_little_is_asked_and_wrong_keys_are_told_to_wait() -> None:
    async def test(world: World) -> None:
        await world.fail(PER_ADDRESS.burst)
        asked = len(world.asked)
        for _ in range(LOOK_UPS.burst):
            with pytest.raises(TooManyFailures, match="try again in 2 s"):
                await world.ask(keys.generate().token.encode())
            assert await world.is_over_limit(b"junk")
        assert len(world.asked) == asked + LOOK_UPS.burst
        for _ in range(10):
            with pytest.raises(TooManyFailures, match="try again in 1 s"):
                await world.ask(keys.generate().token.encode())
        assert len(world.asked) == asked + LOOK_UPS.burst
        world.clock.now_s += PER_ADDRESS.refill_s
        await world.fail(1)

    in_world(test)


def test_no_token_at_all_is_no_failure() -> None:
    world = World()
    for _ in range(2 * PER_ADDRESS.burst):
        with pytest.raises(Unauthenticated, match="No API key"):
            world.authenticator.known(b"", PEER)


def test_over_the_limit_of_a_key_nothing_is_asked_and_its_owner_is_let_in() -> None:
    async def test(world: World) -> None:
        token = world.add()
        for number in range(PER_KEY.burst):
            await world.fail(1, Peer(f"198.51.100.{number}"), id_of(token))
        with pytest.raises(TooManyFailures, match="try again in 10 s"):
            await world.fail(1, STRANGER, id_of(token))
        asked = len(world.asked)
        guess = keys.renew(id_of(token)).token.encode()
        assert await world.is_over_limit(guess, STRANGER)
        # The owner was never here before, and is told from the guesser by memory alone.
        assert world.authenticator.known(token, PEER)
        assert len(world.asked) == asked

    in_world(test)


def test_the_limit_is_the_same_for_a_key_that_there_is_not() -> None:
    async def test(world: World) -> None:
        key_id = keys.generate().id
        await world.fail(PER_KEY.burst, key_id=key_id)
        with pytest.raises(TooManyFailures, match="try again in 10 s"):
            await world.fail(1, key_id=key_id)
        assert world.asked == [key_id] * PER_KEY.burst

    in_world(test)


def test_a_known_key_passes_whatever_its_address_did() -> None:
    async def test(world: World) -> None:
        token = world.add()
        await world.ask(token)
        await world.fail(PER_ADDRESS.burst)
        assert world.authenticator.known(token, PEER)
        # An hour later, when its use is noted anew.
        world.clock.now_s += 3600
        await world.fail(PER_ADDRESS.burst)
        assert world.authenticator.known(token, PEER)

    in_world(test)


def test_a_key_that_changed_is_read_anew_once_whatever_its_address_did() -> None:
    async def test(world: World) -> None:
        token = world.add()
        await world.ask(token)
        await world.fail(PER_ADDRESS.burst)
        world.change(token, networks=("192.0.2.0/24",))
        asked = len(world.asked)
        await world.use_up_look_ups()
        assert await world.ask(token)
        assert await world.is_over_limit(keys.renew(id_of(token)).token.encode())
        assert len(world.asked) == asked + LOOK_UPS.burst + 1

    in_world(test)


def test_a_key_that_changed_is_read_anew_once_whoever_guessed_at_it() -> None:
    async def test(world: World) -> None:
        token = world.add()
        await world.fail(PER_KEY.burst, STRANGER, id_of(token))
        world.change(token, expires=world.moment(60))
        asked = len(world.asked)
        assert await world.is_over_limit(keys.renew(id_of(token)).token.encode())
        assert world.authenticator.known(token, PEER)
        assert len(world.asked) == asked + 1

    in_world(test)


def test_new_keys_are_let_in_where_another_failed_too_often() -> None:
    async def test(world: World) -> None:
        tokens = [world.add() for _ in range(10)]
        await world.fail(PER_ADDRESS.burst)
        for token in tokens:
            assert await world.is_over_limit(keys.generate().token.encode())
            assert await world.ask(token)

    in_world(test)


def test_a_new_key_waits_where_another_tries_again_and_again() -> None:
    async def test(world: World) -> None:
        token = world.add()
        await world.fail(PER_ADDRESS.burst)
        await world.use_up_look_ups()
        with pytest.raises(TooManyFailures) as caught:
            await world.ask(token)
        world.clock.now_s += caught.value.retry_after_s
        assert await world.ask(token)

    in_world(test)


def test_a_wrong_secret_over_the_limit_of_its_address_counts_for_no_key() -> None:
    async def test(world: World) -> None:
        token = world.add()
        await world.fail(PER_ADDRESS.burst)
        for _ in range(LOOK_UPS.burst):
            assert await world.is_over_limit(keys.renew(id_of(token)).token.encode())
        await world.fail(PER_KEY.burst, STRANGER, id_of(token))

    in_world(test)


def test_an_expired_key_in_a_loop_is_limited_too() -> None:
    async def test(world: World) -> None:
        token = world.add(expires=world.moment(-1))
        for _ in range(PER_KEY.burst):
            assert await world.is_refused(token)
        assert await world.is_over_limit(token)

    in_world(test)


# Tokens that are verified.


class FakeVerifier:
    """Vouches for what begins with `jwt.good`, for ten seconds."""

    def __init__(self) -> None:
        self.clock: Clock | None = None
        self.verified: list[bytes] = []
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def claims(self, token: bytes) -> bool:
        return token.count(b".") == 2

    async def verify(self, token: bytes) -> Principal:
        self.verified.append(token)
        if self.error is not None:
            raise self.error
        if not token.startswith(b"jwt.good"):
            raise Unauthenticated("signature does not fit")
        await self.may_answer.wait()
        assert self.clock is not None
        return Principal("jwt:a:b", "acme", GRANTS, (), calm_until_s=self.clock.now_s + 10)


def in_world_with_verifier(test: Callable[[World, FakeVerifier], Awaitable[None]]) -> None:
    async def run() -> None:
        verifier = FakeVerifier()
        world = World(verifier)
        verifier.clock = world.clock
        await test(world, verifier)

    asyncio.run(run())


def test_a_verified_token_is_known_until_it_expires_and_then_verified_anew() -> None:
    async def test(world: World, verifier: FakeVerifier) -> None:
        token = b"jwt.good.1"
        principal = await world.ask(token)
        world.clock.now_s += 9.999
        assert world.authenticator.known(token, PEER) is principal
        world.clock.now_s += 0.001
        assert world.authenticator.known(token, PEER) is None
        await world.ask(token)
        assert len(verifier.verified) == 2
        assert not world.asked and not world.authenticator.last_used.take()

    in_world_with_verifier(test)


def test_a_token_of_no_verifiable_form_is_not_verified() -> None:
    async def test(world: World, verifier: FakeVerifier) -> None:
        assert await world.is_refused(b"jwt.bad")
        with pytest.raises(Unauthenticated, match="not valid"):
            await world.authenticator.look_up(b"jwt.bad", PEER)
        assert not verifier.verified

    in_world_with_verifier(test)


def test_a_bad_signature_is_told_in_the_same_words_and_limited() -> None:
    async def test(world: World, verifier: FakeVerifier) -> None:
        for number in range(PER_ADDRESS.burst):
            assert await world.is_refused(b"jwt.bad.%d" % number)
        for number in range(2 * LOOK_UPS.burst):
            assert await world.is_over_limit(b"jwt.bad.more%d" % number)
        assert len(verifier.verified) == PER_ADDRESS.burst + LOOK_UPS.burst

    in_world_with_verifier(test)


def test_a_new_token_is_let_in_where_another_failed_too_often() -> None:
    async def test(world: World, verifier: FakeVerifier) -> None:
        for number in range(PER_ADDRESS.burst):
            assert await world.is_refused(b"jwt.bad.%d" % number)
        assert await world.ask(b"jwt.good.1")

    in_world_with_verifier(test)


def test_a_token_that_was_verified_is_verified_anew_whatever_its_address_did() -> None:
    async def test(world: World, verifier: FakeVerifier) -> None:
        await world.ask(b"jwt.good.1")
        await world.fail(PER_ADDRESS.burst)
        world.clock.now_s += 10
        await world.fail(5)
        await world.use_up_look_ups()
        assert await world.ask(b"jwt.good.1")
        verifier.error = Unauthenticated("revoked")
        world.clock.now_s += 10
        await world.fail(5)
        await world.use_up_look_ups()
        for _ in range(2):
            assert await world.is_over_limit(b"jwt.good.1")
        assert len(verifier.verified) == 3

    in_world_with_verifier(test)


def test_a_verifier_that_cannot_tell_is_no_failure_of_the_caller() -> None:
    async def test(world: World, verifier: FakeVerifier) -> None:
        verifier.error = RecordsUnavailable("no keys of the issuer")
        for number in range(2 * PER_ADDRESS.burst):
            with pytest.raises(RecordsUnavailable):
                await world.ask(b"jwt.good.%d" % number)

    in_world_with_verifier(test)


def test_verified_tokens_are_remembered_in_bounded_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MAX_VERIFIED", 3)

    async def test(world: World, verifier: FakeVerifier) -> None:
        for number in range(10):
            await world.ask(b"jwt.good.%d" % number)
        assert len(world.authenticator._verified) == 3
        assert world.authenticator.known(b"jwt.good.9", PEER)

    in_world_with_verifier(test)


def test_a_token_of_a_changed_tenant_is_verified_anew_whatever_its_address_did() -> None:
    async def test(world: World, verifier: FakeVerifier) -> None:
        token = b"jwt.good.1"
        await world.ask(token)
        world.authenticator.evict_tenants({"other"})
        assert world.authenticator.known(token, PEER) is not None
        await world.fail(PER_ADDRESS.burst)
        await world.use_up_look_ups()
        authenticator = world.authenticator
        for evict in (lambda: authenticator.evict_tenants({"acme"}), authenticator.evict_all):
            evict()
            assert world.authenticator.known(token, PEER) is None
            assert await world.ask(token)
        assert len(verifier.verified) == 3

    in_world_with_verifier(test)


def test_a_token_verified_while_its_tenant_changed_is_let_in_once_and_not_remembered() -> None:
    async def test(world: World, verifier: FakeVerifier) -> None:
        verifier.may_answer.clear()
        before = asyncio.create_task(world.ask(b"jwt.good.1"))
        await until(lambda: bool(verifier.verified))
        world.authenticator.evict_tenants({"acme"})
        # Whoever asks from now on shares the answer that may be stale.
        after = asyncio.create_task(world.ask(b"jwt.good.1"))
        await asyncio.sleep(0)
        verifier.may_answer.set()
        assert await before and await after
        assert len(verifier.verified) == 1
        assert world.authenticator.known(b"jwt.good.1", PEER) is None

    in_world_with_verifier(test)
