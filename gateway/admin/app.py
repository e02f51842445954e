"""The admin plane: `/v1`, `/metrics` of all workers, `/healthz`, `/docs`.

Inference goes on without it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import BaseModel

from gateway.admin import audit, keys, limits, tenants, usage
from gateway.admin.access import Access
from gateway.admin.errors import answer_errors
from gateway.admin.guard import Guard
from gateway.admin.pages import add_docs
from gateway.admin.questions import refuse_unread
from gateway.admin.values import Problem
from gateway.metrics_files import metrics_dir
from gateway.records.store import Records

PARTS = (tenants, keys, limits, usage, audit)


class Health(BaseModel):
    """That the admin plane answers; of Triton and the data plane it says nothing."""

    status: str = "ok"


def create_app(
    state_dir: Path, records: Records, *, is_loopback: bool = True, may_be_open: bool = True
) -> FastAPI:
    """The application; it reads what the workers left under the state directory.

    On loopback it may be open to whoever is on this machine, until an admin is made.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await records.close()

    app = _Described(
        title="Conch admin plane",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.records = records
    app.state.access = Access(records, may_be_open=is_loopback and may_be_open)
    app.add_middleware(Guard, is_loopback=is_loopback)
    answer_errors(app)
    for part in PARTS:
        app.include_router(part.router, dependencies=[Depends(refuse_unread)])
    _add_pages(app, metrics_dir(state_dir))
    add_docs(app)
    # Asked which methods a path has.
    app.state.routes = [*app.routes, *(route for part in PARTS for route in part.router.routes)]
    return app


def _add_pages(app: FastAPI, directory: Path) -> None:
    @app.get("/healthz", summary="Whether the admin plane answers")
    def healthz() -> Health:
        return Health()

    @app.get(
        "/metrics",
        summary="Metrics of all workers, for Prometheus",
        response_class=PlainTextResponse,
    )
    def metrics() -> Response:
        # Whoever clears the state directory loses counts, not the page.
        directory.mkdir(parents=True, exist_ok=True)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(directory))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Described(FastAPI):
    """Its description has the body of failures too, which no route names as its own type."""

    def openapi(self) -> dict[str, Any]:
        schema = super().openapi()
        schema["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return schema
