"""The gateway's own logs tell no secrets."""

import subprocess
import sys

PROGRAM = """
import structlog
from gateway.logs import set_up_logs

set_up_logs()

def authenticate(token):
    raise RuntimeError("unforeseen")

try:
    authenticate("ck_topsecret")
except RuntimeError as error:
    structlog.get_logger().error("request_failed", exc_info=error)
"""


def test_a_traceback_shows_no_variables() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert "request_failed" in done.stdout and "unforeseen" in done.stdout
    # In the program's own text it stands once, as the source of no line that is shown.
    assert "topsecret" not in done.stdout
