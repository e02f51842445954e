"""What is remembered of keys, until when, and in how much memory."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway import keys
from gateway.data import key_cache
from gateway.data.key_cache import KeyCache, subject_name
from gateway.data.principal import Principal
from gateway.keys import Key
from gateway.permissions import client_grants

GRANTS = client_grants("*")


def _key(key_id: str, token_hash: bytes, *, old: bytes | None = None, subject: str = "") -> Key:
    now = datetime.now(UTC)
    key = Key(key_id, "acme", token_hash, GRANTS, None, now, None, old_token_hash=old, old_ends=now)
    if not subject:
        return key
    return Key(
        key_id, "acme", keys.hash_subject(subject), GRANTS, None, now, None, tls_subject=subject
    )


def _admitted(key: Key) -> Principal:
    return Principal(key.id, key.tenant, GRANTS)


def _remember(cache: KeyCache, key: Key, *tokens: bytes) -> None:
    cache.put(key.id if key.tls_subject is None else subject_name(key.tls_subject), key)
    for token in tokens or (b"" if key.tls_subject else key.token_hash,):
        cache.admit(key, token, _admitted(key))


def test_a_changed_key_goes_with_both_its_tokens_and_no_other() -> None:
    cache = KeyCache()
    _remember(cache, _key("a", b"new", old=b"old"), b"new", b"old")
    _remember(cache, _key("b", b"b"))
    cache.evict(["a", "nope"])
    assert set(cache.by_token) == {b"b"}
    assert cache.get("a") is None and cache.get("b") is not None
    assert cache.knew("a") and not cache.knew("b") and not cache.knew("nope")


def test_a_changed_key_of_a_certificate_goes_under_both_its_names() -> None:
    cache = KeyCache()
    _remember(cache, _key("a", b"", subject="CN=x"))
    assert cache.get("a") is cache.get("subject CN=x") is not None
    assert set(cache.by_subject) == {"CN=x"} and not cache.by_token
    cache.evict(["a"])
    assert not cache.by_subject
    assert cache.get("a") is cache.get("subject CN=x") is None
    assert cache.knew("subject CN=x")
    cache.put("subject CN=x", _key("a", b"", subject="CN=x"))
    assert not cache.knew("a")


def test_tokens_of_an_older_state_do_not_outlive_it() -> None:
    cache = KeyCache()
    _remember(cache, _key("a", b"leaked"))
    # Read once more, when the secret had been replaced and the change not yet been told.
    _remember(cache, _key("a", b"new"))
    assert set(cache.by_token) == {b"new"}


def test_a_token_that_is_let_in_again_is_remembered_once() -> None:
    cache = KeyCache()
    key = _key("a", b"new", old=b"old")
    _remember(cache, key, b"new", b"old")
    latest = _admitted(key)
    cache.admit(key, b"new", latest)
    assert cache.by_token[b"new"] is latest
    assert cache._tokens == {"a": (b"new", b"old")}


def test_a_token_is_not_remembered_for_a_key_that_changed_since_it_was_read() -> None:
    cache = KeyCache()
    key = _key("a", b"a")
    cache.put("a", key)
    cache.evict(["a"])
    cache.admit(key, b"a", _admitted(key))
    assert not cache.by_token


def test_all_is_forgotten_but_that_there_were_keys() -> None:
    cache = KeyCache()
    _remember(cache, _key("a", b"a"))
    _remember(cache, _key("b", b"", subject="CN=b"))
    cache.put("nope", None)
    cache.evict_all()
    assert not cache.by_token and not cache.by_subject and cache.get("a") is None
    assert cache.knew("a") and not cache.knew("nope")


def test_a_key_that_is_gone_when_it_is_read_anew_was_never_known() -> None:
    cache = KeyCache()
    for _ in range(2):
        _remember(cache, _key("a", b"a"))
        cache.put("a", None)
        assert not cache.knew("a") and cache.get("a") is None and not cache.by_token
        cache.evict_all()


def test_everything_is_bounded_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_cache, "MAX_KEYS", 3)
    cache = KeyCache()
    for number in range(10):
        _remember(cache, _key(f"key {number}", b"%d" % number))
    assert [cache.get(f"key {number}") is None for number in (6, 7, 9)] == [True, False, False]
    assert set(cache.by_token) == {b"7", b"8", b"9"}
    assert (len(cache._keys), len(cache._forgotten), len(cache._tokens)) == (3, 3, 3)


def test_every_change_is_counted() -> None:
    cache = KeyCache()
    cache.evict([])
    cache.evict_all()
    assert cache.changes == 2


def test_a_changed_tenant_takes_all_its_keys_along_and_no_other() -> None:
    cache = KeyCache()
    _remember(cache, _key("a", b"a"))
    _remember(cache, _key("b", b"", subject="CN=b"))
    other = replace(_key("c", b"c"), tenant="other")
    _remember(cache, other)
    before = cache.changes
    cache.evict_tenants({"acme"})
    assert cache.changes == before + 1
    assert [cache.get(name) for name in ("a", "b", subject_name("CN=b"))] == [None] * 3
    assert cache.get("c") is other and set(cache.by_token) == {b"c"} and not cache.by_subject
