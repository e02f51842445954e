"""Admins in the records: made, found by token or certificate, listed, revoked."""

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.admins import Admin, check_admin_name, hash_token, new_token
from gateway.errors import RecordConflict, UnknownRecord
from gateway.records.base import Store
from gateway.records.facts import admin_facts
from gateway.records.rows import admin_of
from gateway.records.schema import ADMINS
from gateway.tls_subjects import check_subject


class AdminRecords(Store):
    """Who may use the admin API, which asks on each request: a change holds at once."""

    async def create_admin(self, name: str) -> str:
        """An admin with a token, which is never to be had again."""
        token = new_token()
        await self._insert_admin(name, token_hash=hash_token(token))
        return token

    async def create_certificate_admin(self, name: str, subject: str) -> None:
        """An admin without a secret: who shows a certificate of this subject."""
        await self._insert_admin(name, tls_subject=check_subject(subject))

    async def find_admin_by_token(self, token: str) -> Admin | None:
        """The admin whose token it is, unless it is revoked."""
        return await self._find_in_force(ADMINS.c.token_hash == hash_token(token))

    async def find_admin_by_subject(self, subject: str) -> Admin | None:
        """The admin whose certificate has this subject, unless it is revoked."""
        return await self._find_in_force(ADMINS.c.tls_subject == subject)

    async def list_admins(self) -> list[Admin]:
        """All admins, the oldest first."""
        async with self._engine.connect() as connection:
            wanted = select(ADMINS).order_by(ADMINS.c.created, ADMINS.c.name)
            return [admin_of(row) for row in await connection.execute(wanted)]

    async def admin_count(self) -> int:
        """How many there are, the revoked included: who revokes the last opens nothing."""
        async with self._engine.connect() as connection:
            return await connection.scalar(select(func.count()).select_from(ADMINS)) or 0

    async def revoke_admin(self, name: str) -> None:
        """Take an admin out of force at once; the name is never given again."""
        async with self._changing() as change:
            before = await _find(change.connection, ADMINS.c.name == name)
            if before is None or before.revoked is not None:
                raise UnknownRecord(
                    f"no admin {name!r} is in force; `conch admins list` shows the admins"
                )
            await change.connection.execute(
                update(ADMINS).where(ADMINS.c.name == name).values(revoked=change.now)
            )
            after = await _find(change.connection, ADMINS.c.name == name)
            assert after is not None
            await change.note(
                "admin.revoke", name, before=admin_facts(before), after=admin_facts(after)
            )

    async def _insert_admin(self, name: str, **columns: object) -> None:
        check_admin_name(name)
        async with self._changing() as change:
            if await _find(change.connection, ADMINS.c.name == name) is not None:
                raise RecordConflict(
                    f"admin {name!r} is or was there; the audit log names it, so choose another"
                )
            try:
                await change.connection.execute(
                    insert(ADMINS).values(name=name, created=change.now, **columns)
                )
            except IntegrityError as error:
                raise RecordConflict(
                    f"TLS subject {columns.get('tls_subject')!r} is or was another admin's"
                ) from error
            made = await _find(change.connection, ADMINS.c.name == name)
            assert made is not None
            await change.note("admin.create", name, after=admin_facts(made))

    async def _find_in_force(self, condition: ColumnElement[bool]) -> Admin | None:
        async with self._engine.connect() as connection:
            return await _find(connection, condition, ADMINS.c.revoked.is_(None))


async def _find(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> Admin | None:
    row = (await connection.execute(select(ADMINS).where(*conditions))).one_or_none()
    return None if row is None else admin_of(row)
