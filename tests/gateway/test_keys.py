"""API keys: form, checksum, hash."""

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import keys
from gateway.keys import Key, KeyState
from gateway.permissions import client_grants

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)
NEW, OLD = keys.hash_token(b"new"), keys.hash_token(b"old")


def test_a_new_key_parses_to_its_own_id() -> None:
    new = keys.generate()
    assert keys.parse_id(new.token.encode()) == new.id
    assert len(new.token) == keys.TOKEN_LENGTH


def test_two_new_keys_differ() -> None:
    assert keys.generate() != keys.generate()


def test_every_changed_character_breaks_the_checksum() -> None:
    token = keys.generate().token
    for place in range(len(token)):
        other = "a" if token[place] != "a" else "b"
        assert keys.parse_id((token[:place] + other + token[place + 1 :]).encode()) is None


@given(st.binary(max_size=200))
def test_junk_is_no_key(junk: bytes) -> None:
    assert keys.parse_id(junk) is None


def test_nothing_may_follow_a_token() -> None:
    assert keys.parse_id(keys.generate().token.encode() + b"\n") is None


def test_a_renewed_key_keeps_its_id_and_no_secret() -> None:
    first = keys.generate()
    second = keys.renew(first.id)
    assert keys.parse_id(second.token.encode()) == first.id
    assert second.token != first.token


def _key(**of_key: Any) -> Key:
    usual: dict[str, Any] = {
        "id": "a" * 12,
        "tenant": "acme",
        "token_hash": NEW,
        "grants": client_grants("*"),
        "limit": None,
        "created": NOON,
        "revoked": None,
    }
    return Key(**usual | of_key)


def test_both_secrets_match_until_the_key_is_revoked() -> None:
    key = _key(old_token_hash=OLD, old_ends=NOON)
    assert keys.matches(key, NEW) and keys.matches(key, OLD)
    assert not keys.matches(key, keys.hash_token(b"another"))
    assert not keys.matches(dataclasses.replace(key, revoked=NOON), NEW)
    assert not keys.matches(None, NEW)


def test_a_key_with_one_secret_has_no_second_that_could_match() -> None:
    assert not keys.matches(_key(), bytes(32))
    assert not keys.matches(None, bytes(32))


@pytest.mark.parametrize("key", [None, _key(), _key(old_token_hash=OLD), _key(revoked=NOON)])
def test_whatever_there_is_two_comparisons_are_made(
    monkeypatch: pytest.MonkeyPatch, key: Key | None
) -> None:
    compared = []
    monkeypatch.setattr(keys.hmac, "compare_digest", lambda a, b: compared.append(a) or a == b)
    for token_hash in (NEW, OLD, keys.hash_token(b"another")):
        compared.clear()
        keys.matches(key, token_hash)
        assert len(compared) == 2


def test_an_old_secret_ends_with_its_overlap_or_with_the_key() -> None:
    later = NOON + timedelta(hours=1)
    key = _key(old_token_hash=OLD, old_ends=NOON)
    assert keys.ends_s(key, NEW) == math.inf
    assert keys.ends_s(key, OLD) == NOON.timestamp()
    key = _key(old_token_hash=OLD, old_ends=later, expires=NOON)
    assert keys.ends_s(key, NEW) == keys.ends_s(key, OLD) == NOON.timestamp()


@pytest.mark.parametrize(
    ("of_key", "after_s", "state"),
    [
        ({}, 0, KeyState.IN_FORCE),
        ({"not_before": NOON}, -1, KeyState.NOT_YET),
        ({"not_before": NOON}, 0, KeyState.IN_FORCE),
        ({"expires": NOON}, -1, KeyState.IN_FORCE),
        ({"expires": NOON}, 0, KeyState.EXPIRED),
        ({"expires": NOON, "revoked": NOON}, 0, KeyState.REVOKED),
    ],
)
def test_a_key_begins_and_ends_at_its_very_second(
    of_key: dict[str, Any], after_s: int, state: KeyState
) -> None:
    key = _key(**of_key)
    now = NOON + timedelta(seconds=after_s)
    assert keys.state(key, now) is state
    is_within = keys.begins_s(key) <= now.timestamp() < keys.ends_s(key, NEW)
    assert is_within == (state is KeyState.IN_FORCE)


def test_no_token_has_the_hash_of_a_subject() -> None:
    assert keys.hash_subject("CN=x") != keys.hash_token(b"CN=x")
    assert len(keys.hash_subject("CN=x")) == len(keys.hash_token(b"CN=x"))
