"""Runs a plan of `conch loadtest`: opens the bench, keeps the folder, prints, and ends with a code.

0: the figures may be used; 1: the run is invalid, or could not be made; 3: they may be used, and
missed a bound of the plan; 130: Ctrl-C.
"""

import json
import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
import msgspec
import typer

from loadtest.errors import LoadTestError
from loadtest.machine import model_hashes, this_commit, this_machine, triton_facts
from loadtest.measuring import Bench
from loadtest.observing import Targets
from loadtest.plans.outcome import Outcome
from loadtest.processor_time import look_at_server
from loadtest.results import Load, Run, Step
from loadtest.run_folder import try_place, write_run, write_run_beside
from loadtest.traffic import traffic_values
from stack.commands.loadtest_live import LiveLine
from stack.commands.loadtest_target import Target
from stack.console import console

_FOLDER = Path("loadtest-runs")
_LOOK_TIMEOUT_S = 5.0
_BOUND_MISSED = 3
_INTERRUPTED = 130


def run_plan(
    plan: str,
    target: Target,
    hold: Callable[["Benches"], Outcome],
    *,
    limits_expected: bool = False,
    also_direct: bool = False,
) -> None:
    """Hold a plan and keep what it measured, also of one that was interrupted."""
    started = datetime.now(UTC)
    folder = target.out or _FOLDER / f"{started:%Y%m%dT%H%M%SZ}-{plan}"
    # Before, and not after ten minutes of load, it is told that they cannot be kept.
    try_place(folder)
    live = LiveLine(plan)
    with Benches(target, live, limits_expected=limits_expected, also_direct=also_direct) as benches:
        try:
            outcome = hold(benches)
        except (KeyboardInterrupt, LoadTestError) as error:
            live.end()
            why = "it was interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            if benches.steps:
                torn = _run(plan, started, target, benches.steps, Outcome({}, [why]))
                _keep(folder, torn, target)
            if isinstance(error, KeyboardInterrupt):
                raise typer.Exit(_INTERRUPTED) from None
            raise
        live.end()
    run = _run(plan, started, target, benches.steps, outcome)
    _keep(folder, run, target)
    if run.invalid:
        raise typer.Exit(1)
    if outcome.missed:
        raise typer.Exit(_BOUND_MISSED)


class Benches:
    """The bench of the target, and one of Triton itself for plans that call both."""

    def __init__(
        self, target: Target, live: LiveLine, *, limits_expected: bool, also_direct: bool
    ) -> None:
        self.steps: list[Step] = []
        self._target = target
        self._live = live
        self._limits_expected = limits_expected
        self._also_direct = also_direct
        self._opened = ExitStack()
        self._bench: Bench
        self._direct: Bench

    def __enter__(self) -> Self:
        """Start the generators. Raises LoadTestError where a target cannot be measured."""
        with ExitStack() as opening:
            self._bench = opening.enter_context(self._new(direct=self._target.direct))
            if self._also_direct:
                self._direct = opening.enter_context(self._new(direct=True))
            self._opened = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def measure(self, label: str, load: Load) -> Step:
        """Hold a load on what the flags name: the gateway, or Triton with --direct."""
        return self._kept(self._bench.measure(label, load))

    def measure_direct(self, label: str, load: Load) -> Step:
        """Hold a load on Triton."""
        return self._kept(self._direct.measure(label, load))

    def memory(self) -> dict[str, int]:
        """Resident bytes of the servers that run on this machine."""
        urls = {"triton": self._target.triton_url}
        urls |= {} if self._target.direct else {"gateway": self._target.traffic.url}
        seen = {name: look_at_server(url) for name, url in urls.items() if url}
        return {name: server.resident_bytes for name, server in seen.items() if server}

    def _kept(self, step: Step) -> Step:
        self.steps.append(step)
        return step

    def _new(self, *, direct: bool) -> Bench:
        target = self._target
        traffic = target.traffic
        if direct and not target.direct:
            traffic = msgspec.structs.replace(traffic, url=target.triton_url, keys=[], ca_file="")
        return Bench(
            traffic,
            Targets(
                models=target.models,
                triton_url=target.triton_url,
                gateway_url="" if direct else traffic.url,
                admin_url="" if direct else target.admin_url,
                ca_file=target.traffic.ca_file,
            ),
            processes=target.processes,
            max_in_flight=target.max_in_flight,
            limits_expected=self._limits_expected,
            on_window=self._live.tell,
        )


def _run(plan: str, started: datetime, target: Target, steps: list[Step], outcome: Outcome) -> Run:
    with httpx2.Client(timeout=_LOOK_TIMEOUT_S, trust_env=False) as client:
        triton = triton_facts(client, target.triton_url)
        models = model_hashes(client, target.triton_url, target.models)
    return Run(
        plan=plan,
        started_at=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        commit=this_commit(),
        # Keys are told by the names of their variables, so the command line holds no secret.
        options={"command": shlex.join(["conch", *sys.argv[1:]])},
        machine=this_machine(),
        triton=triton,
        models=models,
        steps=[_judged(step, outcome) for step in steps],
        answer=outcome.answer,
        invalid=outcome.invalid,
        traffic=traffic_values(target.traffic),
    )


def _judged(step: Step, outcome: Outcome) -> Step:
    """The step with what its plan found of it."""
    spoilt = [outcome.spoilt[step.label]] if step.label in outcome.spoilt else []
    return msgspec.structs.replace(
        step,
        invalid=step.invalid + spoilt,
        objective=outcome.objective.get(step.label, ""),
    )


def _keep(folder: Path, run: Run, target: Target) -> None:
    """Keep a run and print it; one that cannot be kept is printed all the same, then told."""
    try:
        place, left_out = _written(folder, run, target)
    except LoadTestError:
        _print(run, target, None)
        raise
    _print(run, target, place)
    for sentence in left_out:
        typer.echo(sentence, err=True)


def _written(folder: Path, run: Run, target: Target) -> tuple[Path, list[str]]:
    if target.out:
        return folder, write_run(folder, run)
    return write_run_beside(folder, run)


def _print(run: Run, target: Target, place: Path | None) -> None:
    if target.as_json:
        told = {"plan": run.plan, "folder": str(place) if place else None, "answer": run.answer}
        typer.echo(json.dumps({**told, "valid": not run.invalid, "invalid": run.invalid}, indent=2))
        return
    # The report needs rich only here, and its pictures matplotlib.
    from loadtest.report.terminal import print_run

    print_run(run, console(markup=False))
    if place:
        typer.echo(f"\nReport: {place / 'report.html'}")
