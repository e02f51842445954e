"""`python -m gateway.worker`: one process of the data plane, told by CONCH_ variables."""

import gc
import sys

from gateway.errors import ConfigurationError
from gateway.inheritance import Inheritance
from gateway.logs import set_up_logs
from gateway.metrics_files import forget_dead_processes, prepare_metrics
from gateway.private_files import keep_files_private
from gateway.settings import GatewaySettings, load_settings


def main() -> None:
    """Run until SIGTERM or SIGINT; what stops it from starting is one line and exit code 1."""
    keep_files_private()
    set_up_logs()
    try:
        run(load_settings(GatewaySettings), *map(Inheritance.from_argument, sys.argv[1:]))
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        # Ctrl-C before the event loop took over the signals.
        raise SystemExit(0) from None


def run(settings: GatewaySettings, inherited: Inheritance | None = None) -> None:
    """Serve with these settings on an event loop of its own."""
    prepare_metrics(settings.state_dir)
    if inherited is None:
        forget_dead_processes(settings.state_dir)
    # Only now: prometheus_client looks for its directory when it is imported.
    import uvloop

    from gateway.serving import serve

    # What is there now stays: the collector need not walk over it again and again. Requests leave
    # no circles behind, so it may also come less often; it was 2 to 3 % of a request.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvloop.run(serve(settings, inherited))


if __name__ == "__main__":
    main()
