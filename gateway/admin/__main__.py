"""`python -m gateway.admin`: the admin plane as a process of its own, told by CONCH_ variables."""

import asyncio
import sys

from gateway.admin.serving import serve
from gateway.errors import ConfigurationError
from gateway.logs import set_up_logs
from gateway.private_files import keep_files_private
from gateway.settings import GatewaySettings, load_settings


def main() -> None:
    """Run until SIGTERM or SIGINT; what stops it from starting is one line and exit code 1."""
    keep_files_private()
    set_up_logs()
    try:
        asyncio.run(serve(load_settings(GatewaySettings)))
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(0) from None


if __name__ == "__main__":
    main()
