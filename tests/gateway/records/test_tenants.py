"""Tenants in the records; on both kinds of database."""

import pytest

from gateway import keys
from gateway.errors import InvalidInput, RecordConflict, UnknownRecord
from gateway.measures import parse_measure
from gateway.records.store import Records
from gateway.records.tenants import TenantTerms
from tests.gateway.records.using import found, with_records


def test_a_tenant_is_made_by_itself_or_with_its_first_key(database_url: str) -> None:
    async def test(records: Records) -> None:
        made = await records.create_tenant("b")
        assert (made.name, made.disabled, made.key_count) == ("b", None, 0)
        await records.create_key("a")
        await records.create_key("a")
        listed = await records.page_of_tenants()
        assert [(tenant.name, tenant.key_count) for tenant in listed] == [("a", 2), ("b", 0)]
        with pytest.raises(RecordConflict, match="'a' is there already"):
            await records.create_tenant("a")
        with pytest.raises(InvalidInput, match="tenant 'a b'"):
            await records.create_tenant("a b")

    with_records(database_url, test)


def test_pages_go_on_where_the_one_before_ended(database_url: str) -> None:
    async def test(records: Records) -> None:
        for name in ("c", "a", "d", "b"):
            await records.create_tenant(name)
        first = await records.page_of_tenants(most=3)
        rest = await records.page_of_tenants(after=first[-1].name, most=3)
        assert [tenant.name for tenant in first + rest] == ["a", "b", "c", "d"]

    with_records(database_url, test)


def test_the_keys_of_a_disabled_tenant_are_refused_until_it_is_enabled(database_url: str) -> None:
    async def test(records: Records) -> None:
        new = await records.create_key("acme")
        token_hash = keys.hash_token(new.token.encode())
        seen = []
        for is_disabled in (True, True, False):
            tenant = await records.set_tenant_disabled("acme", is_disabled=is_disabled)
            assert (tenant.disabled is not None) == is_disabled
            key = await found(records, new.id)
            seen.append((keys.matches(key, token_hash), str(keys.state(key, key.created))))
        assert seen == [(False, "tenant disabled")] * 2 + [(True, "in force")]
        told = await records.list_audit(subject="acme")
        # Its keys come with it; what changed nothing is not told.
        actions = ["key.create", "tenant.create", "tenant.disable", "tenant.enable"]
        assert sorted(entry.action for entry in told) == actions

    with_records(database_url, test)


def test_what_holds_for_callers_with_tokens_is_the_tenants_state_and_own_limits(
    database_url: str,
) -> None:
    async def test(records: Records) -> None:
        assert await records.tenant_terms("nobody") == TenantTerms(is_disabled=False, limits=())
        key = await records.create_key("acme")
        limit = await records.create_limit("acme", parse_measure(rate="5/s"))
        await records.create_limit("acme", parse_measure(rate="1/s"), key_id=key.id)
        await records.set_tenant_disabled("acme", is_disabled=True)
        assert await records.tenant_terms("acme") == TenantTerms(is_disabled=True, limits=(limit,))

    with_records(database_url, test)


def test_only_a_tenant_with_nothing_is_removed(database_url: str) -> None:
    async def test(records: Records) -> None:
        await records.revoke_key((await records.create_key("keys")).id)
        await records.create_tenant("limits")
        limit = await records.create_limit("limits", parse_measure(rate="5/s"))
        for name in ("keys", "limits"):
            with pytest.raises(RecordConflict, match=f"tenant '{name}' has"):
                await records.remove_tenant(name)
        await records.remove_limit(limit.id)
        await records.remove_tenant("limits")
        assert await records.find_tenant("limits") is None

    with_records(database_url, test)


def test_an_unknown_tenant_is_told(database_url: str) -> None:
    async def test(records: Records) -> None:
        for change in (
            records.remove_tenant("nobody"),
            records.set_tenant_disabled("nobody", is_disabled=True),
        ):
            with pytest.raises(UnknownRecord, match="no tenant 'nobody'"):
                await change
        assert await records.last_change() == 0

    with_records(database_url, test)
