"""`python -m gateway`: the data plane, a parent with its workers, told by CONCH_ variables."""

import asyncio
import sys

from gateway.errors import ConfigurationError
from gateway.logs import set_up_logs
from gateway.metrics_files import forget_dead_processes
from gateway.parent import Parent
from gateway.private_files import keep_files_private
from gateway.settings import GatewaySettings, load_settings


def main() -> None:
    """Run until SIGTERM or SIGINT; what stops it from starting is one line and exit code 1."""
    keep_files_private()
    set_up_logs()
    try:
        settings = load_settings(GatewaySettings)
        forget_dead_processes(settings.state_dir)
        code = asyncio.run(_run(settings))
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        # Ctrl-C before the event loop took over the signals.
        raise SystemExit(0) from None
    raise SystemExit(code)


async def _run(settings: GatewaySettings) -> int:
    return await Parent(settings).run()


if __name__ == "__main__":
    main()
