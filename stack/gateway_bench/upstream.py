"""In Triton's place: nginx with answers that never change, so that only the gateway is measured."""

from contextlib import AbstractContextManager
from pathlib import Path

from stack.gateway_bench.nginx import run_nginx
from stack.gateway_bench.processes import Server
from stack.gateway_bench.traffic import ANSWER, LARGE_FLOATS, LARGE_IN, LARGE_OUT, tensor_of

# `return` may answer before a long body has arrived, which Triton cannot: a large one is read to
# its end first, by way of a proxy to the same server that leaves it out. A file is not to be had by
# POST, hence the detour over the error page.
_HTTP = """
  access_log off;
  upstream itself { server 127.0.0.1:%(port)d; keepalive 64; keepalive_requests 1000000000; }
  server {
    %(listens)s
    root .;
    location / { return 200 '%(answer)s'; }
    location = /v2/models/%(large_in)s/infer {
      proxy_pass http://itself/answer;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
    location = /v2/models/%(large_out)s/infer { error_page 405 =200 /tensor; return 405; }
    location = /tensor { internal; }
  }
"""


# As many Tritons can be made of it: on Linux all of 127.0.0.0/8 is loopback.
_HOSTS = [f"127.0.0.{number}" for number in range(1, 65)]


def triton_urls(port: int, count: int) -> str:
    """It as so many Tritons."""
    return ",".join(f"http://{host}:{port}" for host in _HOSTS[:count])


def run_upstream(
    port: int, *, program: str, cores: frozenset[int], folder: Path
) -> AbstractContextManager[Server]:
    """Run the upstream until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tensor").write_bytes(tensor_of(LARGE_FLOATS).body)
    return run_nginx(
        "upstream", upstream_http(port), port, program=program, cores=cores, folder=folder
    )


def upstream_http(port: int) -> str:
    names = {"large_in": LARGE_IN, "large_out": LARGE_OUT}
    listens = "\n    ".join(f"listen {host}:{port} backlog=1024;" for host in _HOSTS)
    return _HTTP % {"port": port, "listens": listens, "answer": ANSWER, **names}
