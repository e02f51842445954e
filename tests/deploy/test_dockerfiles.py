"""The recipes of the images: linted, and the parts of them that run without Docker."""

import doctest
import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import export_requirements

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
HADOLINT = Path(sys.executable).with_name("hadolint")
RECIPES = sorted(DEPLOY.glob("*.Dockerfile"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    done = subprocess.run([HADOLINT, path], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_base_has_an_exact_version_and_the_user_is_not_root(path: Path) -> None:
    text = path.read_text()
    for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        assert re.search(r":\d+\.\d+\.\d+(-slim)?$|\$\{TRITON_IMAGE##\*:\}$", base)
    assert int(re.findall(r"^USER (\d+)$", text, re.MULTILINE)[-1]) > 0


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_pip_keeps_nothing_in_an_image(path: Path) -> None:
    for line in re.findall(r"pip install.*", path.read_text()):
        assert "--no-cache-dir" in line


@contextmanager
def answering(status: int) -> Iterator[int]:
    """What stands in for the gateway, on the port that the image has."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/v2/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_gateway_is_healthy_when_it_is_ready(status: int, code: int) -> None:
    recipe = (DEPLOY / "gateway.Dockerfile").read_text()
    (found,) = re.findall(r"HEALTHCHECK.*?CMD (\[.*?\])$", recipe, re.MULTILINE | re.DOTALL)
    _, *arguments = json.loads(found)
    with answering(status) as port:
        asked = [word.replace(":8080", f":{port}") for word in arguments]
        done = subprocess.run([sys.executable, *asked], capture_output=True)
    assert done.returncode == code


def test_the_exporters_take_all_but_what_the_container_brings() -> None:
    assert doctest.testmod(export_requirements).failed == 0
    text = (DEPLOY.parent / "pyproject.toml").read_text()
    wanted = export_requirements.requirements(text)
    assert any(one.startswith("onnx>=") for one in wanted)
    assert not any(one.startswith(("torch", "numpy")) for one in wanted)
