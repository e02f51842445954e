"""The admin plane's few pages."""

from pathlib import Path

from fastapi.testclient import TestClient

from gateway.admin.app import create_app


def test_it_answers_without_a_single_worker(tmp_path: Path) -> None:
    with TestClient(create_app(tmp_path)) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/metrics").status_code == 200
        assert client.get("/docs").status_code == 200
        assert set(client.get("/openapi.json").json()["paths"]) == {"/healthz", "/metrics"}


def test_metrics_are_shown_again_when_their_folder_was_removed(tmp_path: Path) -> None:
    with TestClient(create_app(tmp_path)) as client:
        assert client.get("/metrics").status_code == 200
        (tmp_path / "metrics").rmdir()
        assert client.get("/metrics").status_code == 200
