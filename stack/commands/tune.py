"""`conch tune`: looks for serving values that do better, and publishes them as a new version."""

import asyncio
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from exporters.publishing.versions import published_versions, served_versions
from stack.backends.threads import usable_cores
from stack.commands.tune_flags import (
    USERS,
    USERS_WITHIN,
    max_batch_range,
    objective_of,
    range_of,
)
from stack.commands.tune_view import as_dict, front_table, gain_lines, outcome_line, progress_line
from stack.commands.versions import DEPLOYMENT_SETTINGS, ModelName, require_model
from stack.console import console
from stack.deployment import open_deployment
from stack.errors import TuningError, UsageError
from stack.settings import StackSettings
from stack.settings_flags import with_settings
from stack.triton_install import find_triton
from stack.tuning.bodies import Bodies
from stack.tuning.bounds import Bounds, Range, Space, parse_delay_range, space
from stack.tuning.configuration import configuration_of
from stack.tuning.ending import Ending
from stack.tuning.measuring import closed_loop_measure
from stack.tuning.objective import Objective
from stack.tuning.picture import draw_front, require_pictures
from stack.tuning.publishing import manifest_of, publish_tuned, require_unchanged
from stack.tuning.same_answers import check_answers, tolerances_of
from stack.tuning.trial_server import SHIPPED, TrialServer, trial_server
from stack.tuning.tune import Effort, Report, Tuner, Verdict
from stack.tuning.turns import Turns
from stack.tuning.values import Values

_WARMUP_S = 0.2


@dataclass(frozen=True)
class _Given:
    """The measuring flags, read."""

    objective: Objective
    effort: Effort
    seconds: float
    batch: int
    samples: Path | None


@with_settings(*DEPLOYMENT_SETTINGS)
def tune(
    *,
    name: ModelName,
    p99: Annotated[
        str | None,
        typer.Option(
            help="Look for the highest throughput with p99 within this, such as 20ms. None: the "
            "best throughput over all --users, with none of them worse off."
        ),
    ] = None,
    instances: Annotated[
        str | None, typer.Option(help="Instance counts to try. None: 1 to the cores.")
    ] = None,
    queue_delay: Annotated[
        str, typer.Option(help="Queue delays to try, such as 0us:5ms.")
    ] = "0us:5ms",
    max_batch: Annotated[
        str | None,
        typer.Option(help="Largest batches to try. None: as shipped; other batches are refused."),
    ] = None,
    threads: Annotated[
        str | None, typer.Option(help="Threads an instance to try. None: 1 to the cores.")
    ] = None,
    change_interface: Annotated[
        bool,
        typer.Option("--change-interface", help="Allow a smaller largest batch than clients have."),
    ] = False,
    users: Annotated[
        str | None,
        typer.Option(help=f"Loads to measure. None: {USERS}; with --p99: {USERS_WITHIN}."),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples in one request.")] = 1,
    samples: Annotated[
        Path | None, typer.Option(help="Inputs to send, an .npz file. None: random ones.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="How long each load is held, each time.")
    ] = 2.0,
    tries: Annotated[int, typer.Option(min=1, help="Most trials before the final rounds.")] = 24,
    rounds: Annotated[int, typer.Option(min=3, help="Final rounds, chosen against shipped.")] = 8,
    picture: Annotated[
        Path | None,
        typer.Option(help="Where the PNG goes. None: tuning/MODEL.png in the state directory."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    settings: StackSettings,
) -> None:
    """Find instance counts, batching and threads that do better on this machine.

    The artefact stays as it is, byte by byte, and its answers are compared. What is better beyond
    chance becomes a new version; `conch rollback` leads back from it.

    Example: conch tune mnist_cnn --p99 20ms --instances 1:4 --queue-delay 0us:5ms
    """
    ending = Ending()
    signal.signal(signal.SIGTERM, ending.ask)
    repository = settings.model_repository
    require_model(repository, name)
    version = _version(repository, name)
    embedded = not find_triton(settings.triton_server).has_own_backends
    shipped = configuration_of(repository / name, embedded=embedded)
    cores = usable_cores()
    bounds = Bounds(
        instances=range_of(instances, "--instances", Range(1, cores)),
        queue_delay_us=parse_delay_range(queue_delay, "--queue-delay"),
        max_batch=max_batch_range(
            name,
            max_batch,
            shipped=shipped.values.max_batch,
            manifest=manifest_of(repository / name / str(version)),
            smaller=change_interface,
        ),
        threads=range_of(threads, "--threads", Range(1, cores)),
    )
    given = _Given(objective_of(p99, users), Effort(tries, rounds), seconds, batch, samples)
    searched = space(shipped.values, bounds, cores=cores, tunable=shipped.tunable)
    if not searched.ladders:
        raise UsageError(
            f"Within these bounds there is nothing to try but what '{name}' has: {shipped.values}."
        )
    require_pictures()
    asyncio.run(_require_local(settings, embedded=embedded))
    if not as_json:
        _announce(name, version, shipped.values, searched, given)

    verdict = _tuned(settings, name, version, searched, given, ending)
    drawn = picture or settings.state_dir / "tuning" / f"{name}.png"
    draw_front(drawn, name, verdict.points, verdict.shipped, verdict.chosen)
    written, live = None, False
    if verdict.better and not dry_run:
        require_unchanged(repository, name, version, shipped)
        written = publish_tuned(
            repository,
            name,
            version,
            verdict.chosen,
            embedded=embedded,
            evidence={"gain": list(verdict.gain or ()), "cores": cores},
        )
        live = asyncio.run(_activate(settings, name, written))
    if as_json:
        more = {"model": name, "from_version": version, "version": written, "picture": str(drawn)}
        typer.echo(json.dumps(as_dict(verdict, **more), indent=2))
        return
    screen = console(markup=False)
    screen.print(front_table(verdict))
    outcome = outcome_line(verdict, name, version, written, live=live)
    for line in (*gain_lines(verdict), f"The picture is {drawn}.", outcome):
        screen.print(line, highlight=False, soft_wrap=True)


def _tuned(
    settings: StackSettings,
    name: str,
    version: int,
    searched: Space,
    given: _Given,
    ending: Ending,
) -> Verdict:
    screen = console(stderr=True, markup=False)

    def say(report: Report) -> None:
        screen.print(progress_line(report), highlight=False, soft_wrap=True)

    with trial_server(settings, name, version) as server:
        bodies = Bodies(server.metadata(), given.samples)
        shipped = server.shipped
        load = bodies.of(given.batch if shipped.max_batch else 0)
        measure = ending.watching(closed_loop_measure(server.url, load))
        turns = Turns(measure, given.objective, seconds=given.seconds, warmup_s=_WARMUP_S)
        tuner = Tuner(server, turns, given.objective, say=say)

        def check(trial: str) -> float:
            return _check(server, trial, bodies, settings.model_repository / name / str(version))

        return tuner.tune(shipped, searched, given.effort, check)


def _check(server: TrialServer, trial: str, bodies: Bodies, version: Path) -> float:
    # The shipped model refuses what only the trial takes.
    largest = min(server.config(trial)["max_batch_size"], server.shipped.max_batch)
    sizes = sorted({1, min(3, largest), largest}) if largest else [0]
    asked = [body for size in sizes for body in bodies.of(size)]
    return check_answers(server.url, SHIPPED, trial, asked, tolerances_of(manifest_of(version)))


def _version(repository: Path, name: str) -> int:
    served = served_versions(repository, name)
    if not served:
        there = ", ".join(map(str, published_versions(repository, name))) or "none"
        raise TuningError(
            f"'{name}' serves no version, so there is nothing to tune; there is {there}. Export "
            "the model, or choose a version by `conch rollback`."
        )
    return max(served)


async def _require_local(settings: StackSettings, *, embedded: bool) -> None:
    """What is measured here says nothing of a server elsewhere, or of one of another kind."""
    async with open_deployment(settings) as deployment:
        if await deployment.live() and deployment.embedded != embedded:
            raise UsageError(
                f"CONCH_TRITON_URLS names {settings.triton_url}, which is no Triton that `conch "
                "up` runs here, and trials run in one like that. Run `conch tune` where the "
                "model is served."
            )


async def _activate(settings: StackSettings, name: str, version: int) -> bool:
    async with open_deployment(settings) as deployment:
        return await deployment.activate(name, version)


def _announce(name: str, version: int, shipped: Values, searched: Space, given: _Given) -> None:
    a_turn_s = 2 * len(given.objective.users) * (given.seconds + _WARMUP_S)
    minutes = round(a_turn_s * (given.effort.tries + given.effort.rounds) / 60)
    console(stderr=True, markup=False).print(
        f"Tuning version {version} of {name} in a Triton of its own, for {max(1, minutes)} min or "
        f"so; {searched.size} combinations. Shipped: {shipped}",
        highlight=False,
        soft_wrap=True,
    )
