"""Keys in the records: made, found, listed, rotated, revoked, used; on both kinds of database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import keys
from gateway.errors import InvalidInput
from gateway.keys import USUAL_TERMS, Terms
from gateway.permissions import parse_grants
from gateway.rates import Rate
from gateway.records.store import Records
from tests.gateway.records.using import found, with_records


def test_a_key_is_found_by_the_id_in_its_token_and_only_its_hash_is_kept(
    database_url: str, tmp_path: Path
) -> None:
    async def test(records: Records) -> None:
        terms = Terms(grants=parse_grants(["infer,stats=a*,b", "metadata"]))
        new = await records.create_key("acme", rate="100/s", burst=200, terms=terms)
        key = await records.find_key(new.id)
        assert key is not None
        assert (key.tenant, key.limit, key.grants) == (
            "acme",
            Rate(100, 1, 200),
            terms.grants,
        )
        assert keys.matches(key, keys.hash_token(new.token.encode()))
        assert key.created.tzinfo is not None and key.revoked is None

    with_records(database_url, test)
    for file in tmp_path.rglob("conch.db*"):
        assert b"ck_" not in file.read_bytes()


def test_an_unknown_id_is_notfound(database_url: str) -> None:
    async def test(records: Records) -> None:
        assert await records.find_key("nope") is None

    with_records(database_url, test)


def test_keys_are_listed_and_counted_the_revoked_included(database_url: str) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        second = await records.create_key("other")
        await records.revoke_key(first.id)
        listed = await records.list_keys()
        assert [key.id for key in listed] == [first.id, second.id]
        assert listed[0].revoked is not None and listed[0].limit is None
        assert await records.key_count() == 2

    with_records(database_url, test)


def test_only_a_key_in_force_can_be_revoked_and_a_failed_try_changes_nothing(
    database_url: str,
) -> None:
    async def test(records: Records) -> None:
        new = await records.create_key("acme")
        await records.revoke_key(new.id)
        seen = await records.last_change()
        for key_id in (new.id, "nope"):
            with pytest.raises(InvalidInput, match=key_id):
                await records.revoke_key(key_id)
        assert await records.last_change() == seen

    with_records(database_url, test)


def test_a_key_keeps_its_terms(database_url: str) -> None:
    now = datetime.now(UTC)
    terms = Terms(
        grants=USUAL_TERMS.grants,
        not_before=now,
        expires=now + timedelta(days=30),
        networks=("10.0.0.0/8", "2001:db8::/32"),
    )

    async def test(records: Records) -> None:
        key = await found(records, (await records.create_key("acme", terms=terms)).id)
        assert (key.not_before, key.expires, key.networks) == (
            terms.not_before,
            terms.expires,
            terms.networks,
        )

    with_records(database_url, test)


def test_a_key_that_would_never_hold_is_not_made(database_url: str) -> None:
    terms = Terms(grants=USUAL_TERMS.grants, expires=datetime.now(UTC))

    async def test(records: Records) -> None:
        with pytest.raises(InvalidInput, match="has passed already"):
            await records.create_key("acme", terms=terms)
        assert await records.key_count() == 0

    with_records(database_url, test)


def test_a_rotated_key_has_two_secrets_and_every_worker_is_told(database_url: str) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        seen = await records.last_change()
        second = await records.rotate_key(first.id, timedelta(hours=1))
        key = await found(records, first.id)
        assert second.id == first.id and second.token != first.token
        assert second.old_ends == key.old_ends and key.old_ends is not None
        for token in (first.token, second.token):
            assert keys.matches(key, keys.hash_token(token.encode()))
        left_s = (
            keys.ends_s(key, keys.hash_token(first.token.encode())) - datetime.now().timestamp()
        )
        assert 3590 < left_s <= 3600
        assert (await records.changes_since(seen)).key_ids == [first.id]

    with_records(database_url, test)


def test_without_an_overlap_the_old_secret_ends_at_once(database_url: str) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        await records.rotate_key(first.id, timedelta())
        key = await found(records, first.id)
        assert not keys.matches(key, keys.hash_token(first.token.encode()))
        assert key.old_ends is None

    with_records(database_url, test)


def test_a_third_secret_waits_for_the_overlap_or_ends_both(database_url: str) -> None:
    async def test(records: Records) -> None:
        first = await records.create_key("acme")
        second = await records.rotate_key(first.id, timedelta(hours=1))
        seen = await records.last_change()
        with pytest.raises(InvalidInput, match=r"two secrets until .*--overlap 0h"):
            await records.rotate_key(first.id, timedelta(hours=1))
        assert await records.last_change() == seen
        third = await records.rotate_key(first.id, timedelta())
        key = await found(records, first.id)
        matching = [
            keys.matches(key, keys.hash_token(new.token.encode())) for new in (first, second, third)
        ]
        assert matching == [False, False, True]

    with_records(database_url, test)


def test_only_a_key_in_force_with_a_secret_can_be_rotated(database_url: str) -> None:
    async def test(records: Records) -> None:
        revoked = (await records.create_key("acme")).id
        await records.revoke_key(revoked)
        for key_id in (revoked, "nope"):
            with pytest.raises(InvalidInput, match=f"no key '{key_id}' is in force"):
                await records.rotate_key(key_id, timedelta())
        key_id = await records.create_certificate_key("acme", "CN=x")
        with pytest.raises(InvalidInput, match="certificate of CN=x"):
            await records.rotate_key(key_id, timedelta())

    with_records(database_url, test)


def test_a_certificate_stands_for_one_key(database_url: str) -> None:
    async def test(records: Records) -> None:
        key_id = await records.create_certificate_key("acme", "CN=x,O=y")
        key = await records.find_subject("CN=x,O=y")
        assert key is not None and key.id == key_id
        assert keys.matches(key, keys.hash_subject("CN=x,O=y"))
        assert await records.find_subject("CN=X,O=y") is None
        seen = await records.last_change()
        with pytest.raises(InvalidInput, match="'CN=x,O=y' has a key already"):
            await records.create_certificate_key("other", "CN=x,O=y")
        assert (await records.last_change(), await records.key_count()) == (seen, 1)

    with_records(database_url, test)


def test_the_last_use_is_written_once_a_minute_and_is_no_change(database_url: str) -> None:
    noon = datetime(2027, 1, 31, 12, tzinfo=UTC)

    async def test(records: Records) -> None:
        used, other = await records.create_key("acme"), await records.create_key("acme")
        seen = await records.last_change()
        written = []
        # The second is another worker's, in the same minute.
        for after_s in (0, 59, 60, 30):
            await records.note_used({used.id: noon + timedelta(seconds=after_s), "nope": noon})
            written.append((await found(records, used.id)).last_used)
        assert written == [noon, noon, noon + timedelta(minutes=1), noon + timedelta(minutes=1)]
        assert (await found(records, other.id)).last_used is None
        await records.note_used({})
        assert await records.last_change() == seen

    with_records(database_url, test)


@pytest.mark.parametrize(
    ("tenant", "rate", "burst", "named"),
    [
        ("", None, None, "tenant ''"),
        ("a b", None, None, "tenant 'a b'"),
        ("x" * 65, None, None, "tenant"),
        ("acme", "100/x", None, "rate '100/x'"),
        ("acme", "1/s", 0, "burst 0"),
        ("acme", None, 5, "without a rate"),
    ],
)
def test_wrong_input_is_named_and_nothing_is_made(
    database_url: str,
    tenant: str,
    rate: str | None,
    burst: int | None,
    named: str,
) -> None:
    async def test(records: Records) -> None:
        with pytest.raises(InvalidInput, match=named):
            await records.create_key(tenant, rate=rate, burst=burst)
        assert await records.key_count() == 0

    with_records(database_url, test)
