"""One request to a server of the benchmark, and servers to send it to."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.keys import NewKey
from stack.gateway_bench.nginx import require_nginx
from stack.gateway_bench.pinning import choose_cores
from stack.gateway_bench.processes import Server
from stack.gateway_bench.python_peers import ROOT
from stack.gateway_bench.sections import Stand
from stack.gateway_bench.traffic import SMALL, SMALL_FLOATS, tensor_of
from stack.gateway_bench.upstream import run_upstream
from stack.trial import free_ports


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """A running upstream, and where to start what stands before it."""
    cores, nginx, port = choose_cores(), require_nginx(), free_ports(1)[0]
    upstream = run_upstream(port, program=nginx, cores=cores.load, folder=folder / "upstream")
    with upstream as server:
        yield Stand(folder, cores, server, nginx, ROOT)


def ask(server: Server, token: str, model: str = SMALL) -> tuple[int, bytes]:
    """Status and body of the answer to one small tensor."""
    tensor = tensor_of(SMALL_FLOATS)
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/v2/models/{model}/infer",
        data=tensor.body,
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(tensor.head_bytes),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def assert_knows_its_keys(server: Server, key: NewKey, stranger: NewKey, expected: bytes) -> None:
    """The key's owner gets the upstream's answer, nobody else does."""
    assert ask(server, key.token) == (200, expected)
    assert ask(server, stranger.token)[0] == 401
