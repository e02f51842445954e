"""A whole tuning of a planted model, on machines that do not keep their speed."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from loadtest.results import Load, Step
from stack.errors import NoAnswerError, TuningError
from stack.tuning.bounds import space
from stack.tuning.objective import Balanced
from stack.tuning.readings import Measure
from stack.tuning.trial_server import SHIPPED
from stack.tuning.tune import Effort, Report, Tuner, Verdict
from stack.tuning.turns import Turns
from stack.tuning.values import Values
from tests.stack.tuning.planted import BOUNDS, TUNABLE, VALUES, FakeServer, step

USERS = (1, 8)
EFFORT = Effort(tries=40, rounds=6)
SPACE = space(VALUES, BOUNDS, cores=4, tunable=TUNABLE)


def no_delay_is_best(values: Values) -> float:
    return 1000.0 + 500 * (values.queue_delay_us == 0) + 200 * (values.instances == 2)


def steady() -> Iterator[float]:
    return itertools.repeat(1.0)


def drifting(noise: float = 0.01) -> Iterator[float]:
    """Slower and slower, to a fifth within some hundred loads, and noisy."""
    rng = random.Random(7)
    speed = 1.0
    while True:
        speed *= 0.996
        yield speed * (1 + rng.uniform(-noise, noise))


def tuned(
    server: FakeServer,
    *,
    measure: Measure | None = None,
    said: list[Report] | None = None,
    check: Callable[[str], object] = lambda name: None,
) -> Verdict:
    turns = Turns(measure or server.measure, Balanced(USERS), seconds=1, warmup_s=0)
    say = [] if said is None else said
    tuner = Tuner(server, turns, Balanced(USERS), say=say.append)

    def checked(name: str) -> float:
        check(name)
        return 0.0

    return tuner.tune(VALUES, SPACE, EFFORT, checked)


@pytest.mark.parametrize("speed", [steady, drifting])
def test_it_finds_the_best_values_and_their_ratio(speed: type) -> None:
    server = FakeServer(no_delay_is_best, speed())
    verdict = tuned(server)
    assert verdict.chosen == replace(VALUES, queue_delay_us=0, instances=2)
    assert verdict.better
    assert verdict.gain is not None
    assert verdict.gain.ratio == pytest.approx(1.7, rel=0.03)
    # Nothing is left but the shipped model.
    assert set(server.loaded) == {SHIPPED}


@pytest.mark.parametrize("speed", [steady, drifting])
def test_a_model_that_is_good_as_it_is_stays_so(speed: type) -> None:
    verdict = tuned(FakeServer(lambda values: 1000.0, speed()))
    assert verdict.chosen == VALUES
    assert not verdict.better
    assert "none of" in verdict.why_not


def test_what_only_chance_made_better_is_refused_by_the_final_rounds() -> None:
    server = FakeServer(no_delay_is_best, steady())
    finals: list[str] = []
    noise = itertools.cycle((0.98, 1.01, 1.01))

    def measure(name: str, load: Load) -> Step:
        # Whatever was found is no better any more once the final rounds begin.
        rate = 1000 * next(noise) if finals else server.rate(server.loaded[name])
        return step(name, load, rate)

    verdict = tuned(server, measure=measure, check=finals.append)
    assert verdict.chosen == replace(VALUES, queue_delay_us=0, instances=2)
    assert not verdict.better
    assert "do not tell them from the shipped ones" in verdict.why_not
    # The best and two more had their chance.
    assert len(finals) == 3


def test_the_next_best_is_taken_where_the_best_makes_p99_worse() -> None:
    server = FakeServer(no_delay_is_best, steady())

    def measure(name: str, load: Load) -> Step:
        values = server.loaded[name]
        # Worse by less than a single turn may be, and the same in every round.
        p99_ms = 40.0 * (1.07 if values.instances == 2 else 1.0)
        return step(name, load, server.rate(values), p99_ms=p99_ms)

    verdict = tuned(server, measure=measure)
    assert verdict.better
    assert verdict.chosen == replace(VALUES, queue_delay_us=0)


def test_more_throughput_with_a_worse_p99_is_refused() -> None:
    server = FakeServer(no_delay_is_best, steady())

    def measure(name: str, load: Load) -> Step:
        values = server.loaded[name]
        # Worse by less than a single turn may be, and the same in every round.
        p99_ms = 40.0 * (1.07 if name != SHIPPED else 1.0)
        return step(name, load, server.rate(values), p99_ms=p99_ms)

    verdict = tuned(server, measure=measure)
    assert verdict.chosen.queue_delay_us == 0
    assert "worse: p99 of 1 users" in verdict.why_not


def test_a_load_that_loses_throughput_is_not_paid_for_by_another() -> None:
    server = FakeServer(no_delay_is_best, steady())

    def measure(name: str, load: Load) -> Step:
        no_delay = server.loaded[name].queue_delay_us == 0
        # Half as much again for one user, less by what a single turn cannot tell for eight.
        factor = (1.5 if load.users == 1 else 0.95) if no_delay else 1.0
        return step(name, load, 1000 * factor, p99_ms=40)

    verdict = tuned(server, measure=measure)
    assert verdict.chosen.queue_delay_us == 0
    assert "worse: throughput of 8 users: x0.95" in verdict.why_not


def test_values_that_cannot_be_loaded_are_told_and_passed_over() -> None:
    server = FakeServer(no_delay_is_best, steady(), refused=lambda values: values.instances > 1)
    said: list[Report] = []
    verdict = tuned(server, said=said)
    assert verdict.chosen == replace(VALUES, queue_delay_us=0)
    assert "cannot be loaded: no room" in [report.text for report in said]


@pytest.mark.parametrize("answered", [True, False])
def test_failures_in_the_final_rounds_are_not_published(answered: bool) -> None:
    server = FakeServer(no_delay_is_best, steady())
    finals: list[str] = []

    def measure(name: str, load: Load) -> Step:
        if not finals or name == SHIPPED or load.users == 1:
            return server.measure(name, load)
        return step(name, load, 5000.0 if answered else 0.0, failed=3)

    verdict = tuned(server, measure=measure, check=finals.append)
    assert not verdict.better
    assert verdict.why_not == "15 requests failed in final round 1"
    # The best and two more had their chance.
    assert len(finals) == 3
    assert set(server.loaded) == {SHIPPED}


def test_a_shipped_model_that_fails_cannot_be_compared_with() -> None:
    server = FakeServer(no_delay_is_best, steady())

    def measure(name: str, load: Load) -> Step:
        return step(name, load, 100, failed=3)

    with pytest.raises(TuningError, match="15 requests of 1 users failed"):
        tuned(server, measure=measure)


def test_other_answers_end_the_tuning_and_unload_the_trial() -> None:
    server = FakeServer(no_delay_is_best, steady())

    def check(name: str) -> None:
        raise TuningError("they differ")

    with pytest.raises(TuningError, match="they differ"):
        tuned(server, check=check)
    assert set(server.loaded) == {SHIPPED}


class _GoneServer(FakeServer):
    """Does not answer any more by the time that a trial is to be unloaded."""

    def unload(self, name: str) -> None:
        super().unload(name)
        raise NoAnswerError("Triton does not answer.")


def test_a_server_that_went_away_does_not_hide_what_failed_first() -> None:
    server = _GoneServer(no_delay_is_best, steady())

    def measure(name: str, load: Load) -> Step:
        if name != SHIPPED:
            raise TuningError("the load failed")
        return server.measure(name, load)

    with pytest.raises(TuningError, match="the load failed"):
        tuned(server, measure=measure)
    assert set(server.loaded) == {SHIPPED}


def test_a_trial_that_cannot_be_unloaded_ends_the_tuning() -> None:
    with pytest.raises(NoAnswerError, match="does not answer"):
        tuned(_GoneServer(no_delay_is_best, steady()))
