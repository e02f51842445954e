"""API keys: form, checksum, hash."""

import dataclasses
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway import keys
from gateway.keys import Key


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


def test_a_token_matches_its_key_until_that_is_revoked() -> None:
    new = keys.generate()
    token_hash = keys.hash_token(new.token.encode())
    key = Key(new.id, "acme", token_hash, ("*",), None, datetime.now(UTC), revoked=None)
    assert keys.matches(key, token_hash)
    assert not keys.matches(key, keys.hash_token(b"another"))
    assert not keys.matches(dataclasses.replace(key, revoked=datetime.now(UTC)), token_hash)
    assert not keys.matches(None, token_hash)
