"""nginx doing what the gateway does: keys by `map`, `limit_req`, a keep-alive proxy, a log."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from gateway.keys import NewKey
from stack.gateway_bench.nginx import run_nginx
from stack.gateway_bench.processes import Server

# The log is written when 64 kB of lines or a second have come together: nginx's own means against
# a system call a request. Two ports, with bodies held and with bodies streamed: which is faster for
# large ones depends on the machine.
_HTTP = """
  map_hash_max_size 1048576;
  map_hash_bucket_size 256;
  map $http_authorization $key_id { default ""; include keys.map; }
  limit_req_zone $key_id zone=keys:64m rate=1000000r/s;
  log_format lines escape=json '{"time":"$time_iso8601","key":"$key_id","method":"$request_method",'
    '"path":"$uri","status":$status,"bytes_in":$request_length,"bytes_out":$bytes_sent,'
    '"seconds":$request_time,"triton_seconds":"$upstream_response_time","peer":"$remote_addr"}';
  access_log access.log lines buffer=64k flush=1s;
  upstream triton {
    server 127.0.0.1:%(triton_port)d; keepalive 256; keepalive_requests 1000000000;
  }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Authorization "";
  proxy_buffers 16 64k;
  proxy_busy_buffers_size 128k;
  proxy_max_temp_file_size 0;
  server {
    listen 127.0.0.1:%(held_port)d backlog=1024;
    location / { %(location)s }
  }
  server {
    listen 127.0.0.1:%(streamed_port)d backlog=1024;
    client_body_buffer_size 128k;
    proxy_buffer_size 128k;
    proxy_request_buffering off;
    proxy_buffering off;
    location / { %(location)s }
  }
"""
_LOCATION = """
      if ($key_id = "") { return 401; }
      limit_req zone=keys burst=1000000 nodelay;
      proxy_pass http://triton;
"""


def run_nginx_gateway(
    name: str,
    keys: Sequence[NewKey],
    *,
    ports: tuple[int, int],
    triton_port: int,
    program: str,
    cores: frozenset[int],
    folder: Path,
) -> AbstractContextManager[Server]:
    """Run it until the block ends; the second port streams bodies."""
    folder.mkdir(parents=True, exist_ok=True)
    write_keys(keys, folder)
    return run_nginx(
        name,
        gateway_http(ports, triton_port),
        ports[0],
        program=program,
        cores=cores,
        folder=folder,
    )


def gateway_http(ports: tuple[int, int], triton_port: int) -> str:
    held_port, streamed_port = ports
    return _HTTP % {
        "held_port": held_port,
        "streamed_port": streamed_port,
        "triton_port": triton_port,
        "location": _LOCATION,
    }


def write_keys(keys: Sequence[NewKey], folder: Path) -> None:
    lines = (f'"Bearer {key.token}" "{key.id}";\n' for key in keys)
    (folder / "keys.map").write_text("".join(lines))
