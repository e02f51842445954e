"""The admin plane: `/metrics` of all workers, `/healthz`, `/docs`. Inference goes on without it."""

from pathlib import Path

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import BaseModel

from gateway.metrics_files import metrics_dir


class Health(BaseModel):
    """That the admin plane answers; of Triton and the data plane it says nothing."""

    status: str = "ok"


def create_app(state_dir: Path) -> FastAPI:
    """The application; it reads what the workers left under the state directory."""
    app = FastAPI(title="Conch admin plane", docs_url="/docs", redoc_url=None)
    directory = metrics_dir(state_dir)

    @app.get("/healthz", summary="Whether the admin plane answers")
    def healthz() -> Health:
        return Health()

    @app.get("/metrics", summary="Metrics of all workers, for Prometheus")
    def metrics() -> Response:
        # Whoever clears the state directory loses counts, not the page.
        directory.mkdir(parents=True, exist_ok=True)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(directory))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app
