"""The admin plane in this process, on records of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from fastapi.testclient import TestClient

from gateway.admin.app import create_app
from gateway.records.migrate import migrate
from gateway.records.store import Records

T = TypeVar("T")


class AdminPlane:
    """Clients of one application; `change` works on the same records beside it."""

    def __init__(self, state_dir: Path, url: str) -> None:
        self.state_dir = state_dir
        self.url = url

    def client(self, token: str | None = None, **access: bool) -> TestClient:
        """Calls as a program on this machine does; use it in a `with` block."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        app = create_app(self.state_dir, Records(self.url), **access)
        return TestClient(app, "http://127.0.0.1:8081", headers=headers)

    def change(self, use: Callable[[Records], Awaitable[T]]) -> T:
        async def run() -> T:
            records = Records(self.url, actor="cli:alice")
            try:
                return await use(records)
            finally:
                await records.close()

        return asyncio.run(run())

    def new_admin(self, name: str = "ops") -> str:
        return self.change(lambda records: records.create_admin(name))


@pytest.fixture
def plane(tmp_path: Path) -> AdminPlane:
    """Without a single tenant or admin."""
    url = f"sqlite+aiosqlite:///{tmp_path}/conch.db"
    asyncio.run(migrate(url))
    return AdminPlane(tmp_path, url)


@pytest.fixture
def client(plane: AdminPlane) -> Iterator[TestClient]:
    """Of the plane as it is before an admin is made."""
    with plane.client() as client:
        yield client


def problem(answer: Any, status: int, code: str) -> str:
    """Every failure has the one body; its detail."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] and body["title"] and body["error"] == body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return str(body["detail"])
