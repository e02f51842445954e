"""The audit log: who changed what, when, and how it was before and after."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from gateway.records.base import Store
from gateway.records.facts import Facts
from gateway.records.rows import utc
from gateway.records.schema import AUDIT


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change."""

    id: int
    at: datetime
    # `cli:USER`, `admin:NAME`, or `loopback`: the admin API without authentication.
    actor: str
    # `key.create`, `limit.change` and the like.
    action: str
    # The tenant, the admin, or the id of the key or limit.
    subject: str
    before: Facts | None
    after: Facts | None


class AuditRecords(Store):
    """Reads the log; it is written with each change, and nothing ever changes it."""

    async def list_audit(
        self, *, subject: str | None = None, before: int | None = None, most: int = 100
    ) -> list[AuditEntry]:
        """The newest first; of one subject, and older than the entry of this number.

        Keys and limits of a tenant are of it as well.
        """
        wanted = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(most)
        if subject is not None:
            owners = (facts["tenant"].as_string() for facts in (AUDIT.c.before, AUDIT.c.after))
            wanted = wanted.where(or_(*(name == subject for name in (AUDIT.c.subject, *owners))))
        if before is not None:
            wanted = wanted.where(AUDIT.c.id < before)
        async with self._engine.connect() as connection:
            rows = await connection.execute(wanted)
            return [
                AuditEntry(
                    row.id, utc(row.at), row.actor, row.action, row.subject, row.before, row.after
                )
                for row in rows
            ]
