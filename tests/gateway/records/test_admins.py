"""Admins in the records; on both kinds of database."""

import pytest

from gateway.errors import InvalidInput, RecordConflict, UnknownRecord
from gateway.records.store import Records
from tests.gateway.records.using import with_records


def test_an_admin_is_found_by_token_until_revoked(database_url: str) -> None:
    async def test(records: Records) -> None:
        token = await records.create_admin("ops")
        admin = await records.find_admin_by_token(token)
        assert admin is not None and (admin.name, admin.tls_subject) == ("ops", None)
        assert await records.find_admin_by_token("ca_other") is None
        await records.revoke_admin("ops")
        assert await records.find_admin_by_token(token) is None
        assert await records.admin_count() == 1
        (listed,) = await records.list_admins()
        assert listed.revoked is not None

    with_records(database_url, test)


def test_an_admin_is_found_by_certificate(database_url: str) -> None:
    async def test(records: Records) -> None:
        await records.create_certificate_admin("ops", "CN=ops,O=Acme")
        admin = await records.find_admin_by_subject("CN=ops,O=Acme")
        assert admin is not None and admin.name == "ops"
        assert await records.find_admin_by_subject("CN=ops") is None
        with pytest.raises(RecordConflict, match="'CN=ops,O=Acme' is or was another admin's"):
            await records.create_certificate_admin("more", "CN=ops,O=Acme")

    with_records(database_url, test)


def test_a_name_is_given_once_and_has_a_form(database_url: str) -> None:
    async def test(records: Records) -> None:
        await records.create_admin("ops")
        await records.revoke_admin("ops")
        with pytest.raises(RecordConflict, match="'ops' is or was there"):
            await records.create_admin("ops")
        with pytest.raises(InvalidInput, match="admin 'a b'"):
            await records.create_admin("a b")
        for name in ("ops", "nobody"):
            with pytest.raises(UnknownRecord, match=f"no admin '{name}' is in force"):
                await records.revoke_admin(name)

    with_records(database_url, test)
