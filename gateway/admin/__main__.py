"""`python -m gateway.admin`: the admin plane as a process of its own, told by CONCH_ variables."""

import socket
import sys

import uvicorn

from gateway.admin.app import create_app
from gateway.errors import ConfigurationError
from gateway.private_files import keep_files_private
from gateway.settings import GatewaySettings, load_settings


def main() -> None:
    """Run until SIGTERM or SIGINT; what stops it from starting is one line and exit code 1."""
    keep_files_private()
    try:
        settings = load_settings(GatewaySettings)
        listener = _listen(settings)
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    app = create_app(settings.state_dir)
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


def _listen(settings: GatewaySettings) -> socket.socket:
    """Bind here: uvicorn would end the process with a log line and no advice."""
    try:
        return socket.create_server((settings.admin_host, settings.admin_port))
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {settings.admin_host}:{settings.admin_port} ({error.strerror}); "
            "end what uses it or set CONCH_ADMIN_HOST and CONCH_ADMIN_PORT."
        ) from error


if __name__ == "__main__":
    main()
