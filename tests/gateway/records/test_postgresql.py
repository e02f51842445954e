"""What is special to PostgreSQL: URLs, passwords, a server that is away and comes back."""

import asyncio
from urllib.parse import quote

import pytest
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import ConfigurationError
from gateway.records.migrate import migrate, reason_of, require_current
from gateway.records.store import Records
from gateway.records.urls import is_postgresql
from tests.gateway.postgresql import PASSWORD, WITH_PASSWORD, PostgresqlServer
from tests.gateway.records.using import with_records


def _as_user(url: str, password: str) -> str:
    return url.replace("postgres:@", f"{WITH_PASSWORD}:{quote(password)}@", 1)


def _refusal(url: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        asyncio.run(require_current(url))
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_every_usual_scheme_is_taken(postgresql: PostgresqlServer, scheme: str) -> None:
    url = postgresql.new_database().replace("postgresql:", f"{scheme}:", 1)
    assert is_postgresql(url)
    asyncio.run(require_current(url))


def test_parameters_of_libpq_are_taken(postgresql: PostgresqlServer) -> None:
    url = postgresql.new_database() + "&sslmode=disable&application_name=conch"
    asyncio.run(require_current(url))


def test_a_wrong_password_is_told_and_never_shown(postgresql: PostgresqlServer) -> None:
    url = postgresql.new_database(is_migrated=False)
    assert "revision None" in _refusal(_as_user(url, PASSWORD))
    said = _refusal(_as_user(url, "s3cr3t-but-wrong"))
    assert f'password authentication failed for user "{WITH_PASSWORD}"' in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://conch:s3cr3t@127.0.0.1:1/conch",
        "postgresql://conch:s3cr3t@127.0.0.1:port/conch",
        "postgresql://conch:s3cr3t@no.such.host.invalid/conch",
        "postgresql://conch:s3cr3t@127.0.0.1:1/conch?sslmode=s3cr3t-nonsense",
        "postgresql+nothing://conch:s3cr3t@127.0.0.1:1/conch",
        "postgresql:conch:s3cr3t@127.0.0.1",
        "postgresql://conch:s3cr3t#1@127.0.0.1:1/conch",
        "postgresql://conch:s3cr3t/1@127.0.0.1:1/conch",
        "postgresql://conch:s3cr3t?1@127.0.0.1:1/conch",
        "postgresql://conch:s3cr3t@a..b/conch",
    ],
)
def test_what_cannot_be_reached_or_read_is_told_without_the_password(url: str) -> None:
    assert "s3cr3t" not in _refusal(url)


def test_an_unknown_database_is_told(postgresql: PostgresqlServer) -> None:
    said = _refusal(postgresql.url("nowhere"))
    assert 'database "nowhere" does not exist' in said


def test_a_user_who_may_not_make_tables_is_told(postgresql: PostgresqlServer) -> None:
    url = _as_user(postgresql.new_database(is_migrated=False), PASSWORD)
    with pytest.raises(ConfigurationError, match="permission denied for schema public"):
        asyncio.run(migrate(url))


def test_who_holds_records_goes_on_when_the_server_comes_back(postgresql: PostgresqlServer) -> None:
    async def test(records: Records) -> None:
        new = await records.create_key("acme")
        await asyncio.to_thread(postgresql.stop)
        try:
            with pytest.raises((SQLAlchemyError, OSError)) as failed:
                await records.find_key(new.id)
            assert reason_of(failed.value)
        finally:
            await asyncio.to_thread(postgresql.start)
        assert await records.find_key(new.id) is not None

    with_records(postgresql.new_database(), test)
