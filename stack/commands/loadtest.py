"""`conch loadtest`: what the stack holds, why it stops there, and whether it got worse."""

from typing import Annotated

import typer

from loadtest.arrivals import FORMS, check_arrivals, check_even_arrivals, check_spike_comes
from loadtest.errors import OptionError
from loadtest.plans.outcome import Outcome
from loadtest.plans.overhead import OverheadOptions
from loadtest.plans.overhead import overhead as measure_overhead
from loadtest.plans.slo import SloOptions
from loadtest.plans.slo import slo as search_slo
from loadtest.plans.smoke import SmokeOptions
from loadtest.plans.smoke import smoke as hold_smoke
from loadtest.plans.soak import SoakOptions
from loadtest.plans.soak import soak as hold_soak
from loadtest.plans.spike import SpikeOptions
from loadtest.plans.spike import spike as hold_spike
from loadtest.plans.sweep import SweepOptions
from loadtest.plans.sweep import sweep as hold_sweep
from loadtest.quantities import parse_rate, parse_share, parse_time_s
from loadtest.traffic import Transport
from stack.commands.loadtest_compare import compare
from stack.commands.loadtest_run import Benches, run_plan
from stack.commands.loadtest_target import Target, with_target

app = typer.Typer(
    no_args_is_help=True,
    help="Measure what the stack holds, why it stops there, and whether it got worse.",
    epilog="Every run is a folder with report.html, summary.md, steps.csv and result.json.",
)
app.command()(compare)

_USERS = "1,2,4,8,16,32"
_ARRIVALS = "constant"
Arrivals = Annotated[
    str, typer.Option(help=f"How requests of an open loop come: {', '.join(FORMS)}.")
]
ArrivalsIfOpen = Annotated[
    str | None,
    typer.Option(
        help=f"How requests of an open loop come: {', '.join(FORMS)} (default: {_ARRIVALS})."
    ),
]
Users = Annotated[int, typer.Option(min=1, help="Users of a closed loop: requests at once.")]


@app.command()
@with_target
def smoke(
    *,
    users: Users = 1,
    duration: Annotated[str, typer.Option(help="How long.")] = "5s",
    target: Target,
) -> None:
    """A little load for seconds: does everything answer, and how fast when idle?

    Example: conch loadtest smoke --model mnist_cnn
    """
    options = SmokeOptions(users=users, duration_s=_seconds(duration, "--duration"))
    run_plan("smoke", target, lambda benches: hold_smoke(benches.measure, options))


@app.command()
@with_target
def sweep(
    *,
    users: Annotated[
        str | None,
        typer.Option(
            help=f"Users of each step, with commas (default: {_USERS}). The loop is closed."
        ),
    ] = None,
    rates: Annotated[
        str, typer.Option(help="Requests a second of each step instead: the loop is open.")
    ] = "",
    arrivals: ArrivalsIfOpen = None,
    duration: Annotated[str, typer.Option(help="How long each step is held.")] = "15s",
    target: Target,
) -> None:
    """One load after another, each higher: the curve of latency over throughput, and its knee.

    Example: conch loadtest sweep --model mnist_cnn --users 1,4,16,64

    Example: conch loadtest sweep --model mnist_cnn --rates 100,200,400 --arrivals poisson
    """
    check_arrivals(arrivals or _ARRIVALS)
    replayed = (arrivals or "").startswith("replay:")
    _check_one_loop(
        open_by="--arrivals replay:FILE" if replayed else "--rates",
        is_open=bool(rates) or replayed,
        has_users=users is not None,
        has_arrivals=arrivals is not None,
    )
    options = SweepOptions(
        users=[_users(text) for text in (users or _USERS).split(",")],
        rates=[parse_rate(text, "--rates") for text in rates.split(",")] if rates else [],
        arrivals=arrivals or _ARRIVALS,
        duration_s=_seconds(duration, "--duration"),
    )
    check_spike_comes(options.arrivals, options.duration_s)
    run_plan("sweep", target, lambda benches: hold_sweep(benches.measure, options))


@app.command()
@with_target
def slo(
    *,
    p99: Annotated[str, typer.Option(help="What 99 % of the answers must keep: 20ms.")],
    errors: Annotated[str, typer.Option(help="What part of the requests may fail.")] = "0.1%",
    start: Annotated[str, typer.Option("--from", help="The first rate that is tried.")] = "20",
    most: Annotated[str, typer.Option("--to", help="The highest that may be tried.")] = "100000",
    window: Annotated[str, typer.Option(help="A third of the time that each rate is held.")] = "5s",
    arrivals: Arrivals = "poisson",
    target: Target,
) -> None:
    """The highest rate that keeps an objective, and what stops it there.

    Rates are doubled until one fails; between that one and the last that held, the search goes on
    until they are within 5 %. Latency counts from the time at which a request was due.

    Exits 3 where no rate holds.

    Example: conch loadtest slo --model mnist_cnn --p99 20ms --errors 0.1%
    """
    check_even_arrivals(arrivals, "slo searches a rate that holds")
    options = SloOptions(
        p99_ms=parse_time_s(p99, "--p99") * 1e3,
        errors=parse_share(errors, "--errors"),
        start=parse_rate(start, "--from"),
        most=parse_rate(most, "--to"),
        window_s=_seconds(window, "--window", least_s=1),
        arrivals=arrivals,
    )
    if options.start > options.most:
        raise OptionError(f"--from {start} is above --to {most}. Begin below it.")
    run_plan("slo", target, lambda benches: search_slo(benches.measure, options))


@app.command()
@with_target
def soak(
    *,
    duration: Annotated[str, typer.Option(help="How long in all.")] = "10m",
    rate: Annotated[str, typer.Option(help="Requests a second: the loop is open.")] = "",
    users: Annotated[
        int | None,
        typer.Option(min=1, help="Users of a closed loop: requests at once (default: 4)."),
    ] = None,
    arrivals: ArrivalsIfOpen = None,
    target: Target,
) -> None:
    """One load for long: do latency, memory or errors drift?

    Memory is that of Triton and the gateway, where they run on this machine.

    Exits 3 where p50, p99 or memory grew by more than 20 %, or more than 0.1 % of requests failed.

    Example: conch loadtest soak --model mnist_cnn --rate 100 --duration 10m
    """
    check_even_arrivals(arrivals or _ARRIVALS, "soak holds one load in ten slices")
    _check_one_loop(
        open_by="--rate",
        is_open=bool(rate),
        has_users=users is not None,
        has_arrivals=arrivals is not None,
    )
    options = SoakOptions(
        duration_s=_seconds(duration, "--duration", least_s=9),
        rate=parse_rate(rate, "--rate") if rate else 0.0,
        users=users or 4,
        arrivals=arrivals or _ARRIVALS,
    )

    def plan(benches: Benches) -> Outcome:
        return hold_soak(benches.measure, options, memory=benches.memory)

    run_plan("soak", target, plan)


@app.command()
@with_target
def spike(
    *,
    rate: Annotated[str, typer.Option(help="Requests a second before and after.")],
    times: Annotated[
        float, typer.Option(min=1.0, help="How many times the rate the spike is.")
    ] = 5.0,
    calm: Annotated[str, typer.Option(help="How long before it.")] = "10s",
    duration: Annotated[str, typer.Option(help="How long it lasts.")] = "5s",
    after: Annotated[str, typer.Option(help="How long to watch the recovery.")] = "30s",
    target: Target,
) -> None:
    """A load, many times of it for seconds, and the load again: how soon is the p99 as before?

    Example: conch loadtest spike --model mnist_cnn --rate 100 --times 10
    """
    options = SpikeOptions(
        rate=parse_rate(rate, "--rate"),
        times=times,
        calm_s=_seconds(calm, "--calm"),
        spike_s=_seconds(duration, "--duration", least_s=1),
        after_s=_seconds(after, "--after"),
    )
    run_plan(
        "spike", target, lambda benches: hold_spike(benches.measure, options), limits_expected=True
    )


@app.command()
@with_target
def overhead(
    *,
    rate: Annotated[
        str, typer.Option(help="Requests a second; so few that none waits for another.")
    ] = "50",
    rounds: Annotated[int, typer.Option(min=2, help="Turns of gateway and direct.")] = 5,
    duration: Annotated[str, typer.Option(help="How long each turn is.")] = "5s",
    target: Target,
) -> None:
    """What the gateway adds to a call, against the same load on Triton, in turns.

    Example: conch loadtest overhead --model mnist_cnn --rounds 10
    """
    options = OverheadOptions(
        rate=parse_rate(rate, "--rate"),
        rounds=rounds,
        duration_s=_seconds(duration, "--duration"),
    )
    if target.traffic.transport is Transport.GRPC:
        raise OptionError(
            "overhead measures the gateway, which speaks HTTP and no gRPC. Leave out "
            "--transport grpc; how Triton answers gRPC, `conch loadtest sweep` measures."
        )
    if target.direct:
        raise OptionError("overhead calls both the gateway and Triton; leave out --direct.")
    if not target.triton_url:
        raise OptionError("overhead calls one Triton, too. Name it by --triton-url.")
    run_plan(
        "overhead",
        target,
        lambda benches: measure_overhead(benches.measure, benches.measure_direct, options),
        also_direct=True,
    )


def _check_one_loop(*, open_by: str, is_open: bool, has_users: bool, has_arrivals: bool) -> None:
    if is_open and has_users:
        raise OptionError(
            f"--users is for a closed loop, and {open_by} makes it an open one. Leave out either."
        )
    if has_arrivals and not is_open:
        raise OptionError(
            f"--arrivals is for an open loop, and this one is closed. Give {open_by} with it, "
            "or leave it out."
        )


def _seconds(text: str, name: str, *, least_s: float = 3.0) -> float:
    seconds = parse_time_s(text, name)
    if seconds < least_s:
        raise OptionError(f"{name} {text} is too short to say anything. Give {least_s:g}s or more.")
    return float(round(seconds))


def _users(text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit()) or int(text) == 0:
        raise OptionError(f"--users {text!r} is no number of users. Write 1,2,4.")
    return int(text)
