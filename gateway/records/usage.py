"""Usage in the records: batches added exactly once, and what was used, told by what one asks for.

A batch carries its writer and its number. Its transaction first raises the writer's last number,
which fails when the batch is there already, and which has whoever else writes the same batch wait;
so a batch may be written again by anybody, at any time, and counts once.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler

from gateway.errors import InvalidInput
from gateway.records.schema import USAGE, USAGE_WRITERS
from gateway.usage.counts import HOUR_S, Account, Batch, Counts
from gateway.usage.query import By, UsageQuery, UsageRow

DAY_S = 24 * HOUR_S
# Rows handed over at a time: requests wait meanwhile.
_ROWS = 500
_COUNTED = [field.name for field in fields(Counts)]
_COLUMNS = [*Account._fields, *_COUNTED]
# Groups that have a time for a name.
_FORMS = {By.HOUR: "%Y-%m-%dT%H:00Z", By.DAY: "%Y-%m-%d"}


class UsageRecords:
    """The tables of usage."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, writer_id: str, number: int, batch: Batch) -> bool:
        """Add a batch; False if it was there. A writer's numbers grow from batch to batch."""
        # In order, so that two workers never wait for each other.
        rows = ((*account, *batch[account].values()) for account in sorted(batch))
        async with self._engine.begin() as connection:
            if not await _is_new(connection, writer_id, number):
                return False
            statement = _adding(connection)
            while some := list(islice(rows, _ROWS)):
                await connection.exec_driver_sql(statement, some)
        return True

    async def forget(self, writer_id: str) -> None:
        """The writer has ended and all its batches are there."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(USAGE_WRITERS).where(USAGE_WRITERS.c.id == writer_id))

    async def usage(
        self, query: UsageQuery, *, after: Sequence[str] | None = None, most: int | None = None
    ) -> list[UsageRow]:
        """What was used, in the order of the groups; only those behind the group `after`.

        Raises InvalidInput if `after` is no group of this query.
        """
        groups = [_column(by) for by in query.by]
        sums = [func.sum(USAGE.c[name]) for name in _COUNTED]
        statement = select(*groups, *sums).where(*_conditions(query)).group_by(*groups)
        if after is not None:
            statement = statement.where(tuple_(*groups) > _values(query.by, after))
        async with self._engine.connect() as connection:
            rows = await connection.execute(statement.order_by(*groups).limit(most))
            return [_row(query.by, row) for row in rows]


def _adding(connection: AsyncConnection) -> str:
    """Adds to a row, or makes it, in the words of the database: put into them for each of ten
    thousand rows, it costs several times what the database does."""
    insert = _insert(connection, USAGE)
    statement = insert.on_conflict_do_update(
        index_elements=USAGE.primary_key.columns,
        set_={name: USAGE.c[name] + insert.excluded[name] for name in _COUNTED},
    )
    compiled = statement.compile(dialect=connection.dialect, column_keys=_COLUMNS)
    assert isinstance(compiled, SQLCompiler) and compiled.positiontup == _COLUMNS
    return str(compiled)


async def _is_new(connection: AsyncConnection, writer_id: str, number: int) -> bool:
    """Raise the writer's last number to this one; False if it is as high already."""
    statement = _insert(connection, USAGE_WRITERS).values(id=writer_id, last_batch=number)
    last = USAGE_WRITERS.c.last_batch
    raised = statement.on_conflict_do_update(
        index_elements=[USAGE_WRITERS.c.id],
        set_={last: statement.excluded.last_batch},
        where=last < statement.excluded.last_batch,
    )
    return await connection.scalar(raised.returning(last)) is not None


def _insert(connection: AsyncConnection, table: Table) -> "postgresql.Insert | sqlite.Insert":
    """Both databases say "on conflict" in the same words, yet each in a class of its own."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _column(by: By) -> ColumnElement[Any]:
    if by is By.HOUR:
        return USAGE.c.hour_s
    if by is By.DAY:
        return USAGE.c.hour_s - USAGE.c.hour_s % DAY_S
    return USAGE.c[by]


def _conditions(query: UsageQuery) -> list[ColumnElement[bool]]:
    wanted: dict[str, str | None] = {
        "tenant": query.tenant,
        "key": query.key,
        "model": query.model,
    }
    found = [USAGE.c[name] == value for name, value in wanted.items() if value is not None]
    if query.since is not None:
        found.append(USAGE.c.hour_s > query.since.timestamp() - HOUR_S)
    if query.until is not None:
        found.append(USAGE.c.hour_s < query.until.timestamp())
    return found


def _row(by: Sequence[By], row: Row[Any]) -> UsageRow:
    names = tuple(map(_name, by, row))
    # PostgreSQL adds BIGINT up to NUMERIC.
    return UsageRow(names, Counts(*map(int, row[len(by) :])))


def _name(by: By, value: Any) -> str:
    form = _FORMS.get(by)
    return str(value) if form is None else datetime.fromtimestamp(value, UTC).strftime(form)


def _values(by: Sequence[By], group: Sequence[str]) -> tuple[str | int, ...]:
    """Of a group the values that its names stand for."""
    try:
        return tuple(_value(kind, name) for kind, name in zip(by, group, strict=True))
    except ValueError as error:
        names = " and ".join(by)
        raise InvalidInput(f"{list(group)} is no group of usage by {names}") from error


def _value(by: By, name: str) -> str | int:
    form = _FORMS.get(by)
    if form is None:
        return name
    return int(datetime.strptime(name, form).replace(tzinfo=UTC).timestamp())
