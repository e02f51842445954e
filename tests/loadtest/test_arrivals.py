import itertools
import statistics
from pathlib import Path

import pytest

from loadtest.arrivals import arrivals, check_arrivals
from loadtest.errors import OptionError
from loadtest.results import Load, Loop


def a_load(form: str, *, rate: float = 100, duration_s: float = 10, warmup_s: float = 0) -> Load:
    return Load(loop=Loop.OPEN, rate=rate, duration_s=duration_s, warmup_s=warmup_s, arrivals=form)


def times(load: Load, seed: int = 0) -> list[float]:
    return list(arrivals(load, seed=seed))


def test_constant_arrivals_have_the_same_time_between_them() -> None:
    assert times(a_load("constant", rate=4, duration_s=1)) == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("rate", [0.3, 3, 7, 33.3, 1000])
def test_constant_arrivals_are_as_many_as_planned(rate: float) -> None:
    assert len(times(a_load("constant", rate=rate))) == pytest.approx(10 * rate, abs=1)


def test_the_warm_up_goes_before_what_is_measured() -> None:
    assert len(times(a_load("constant", duration_s=10, warmup_s=2))) == 1200


def test_poisson_arrivals_vary_as_they_should() -> None:
    found = times(a_load("poisson", duration_s=100))
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.05)
    # The standard deviation of an exponential distribution is its mean.
    assert statistics.stdev(gaps) == pytest.approx(0.01, rel=0.05)


def test_the_seed_decides() -> None:
    load = a_load("poisson")
    assert times(load, seed=1) == times(load, seed=1) != times(load, seed=2)


def test_bursts_come_at_once_and_keep_the_rate() -> None:
    found = times(a_load("burst:50"))
    assert len(found) == 1000
    assert found[:51] == [0.0] * 50 + [0.5]


def test_a_ramp_rises_evenly() -> None:
    found = times(a_load("ramp:20", rate=100))
    assert len(found) == 600
    assert sum(at < 5 for at in found) == pytest.approx(20 * 5 + 80 / 10 * 25 / 2, abs=1)


def test_a_ramp_may_fall_and_may_begin_at_nothing() -> None:
    assert sum(at < 5 for at in times(a_load("ramp:100", rate=0))) == pytest.approx(375, abs=1)
    assert sum(at < 5 for at in times(a_load("ramp:0", rate=100))) == pytest.approx(125, abs=1)


def test_a_ramp_stays_where_it_begins_in_the_warm_up() -> None:
    found = times(a_load("ramp:20", warmup_s=2))
    assert sum(at < 2 for at in found) == 40
    assert found == sorted(found)


def test_a_spike_has_its_time_within_what_is_measured() -> None:
    found = times(a_load("spike:5:3:2", warmup_s=1))
    assert sum(4 <= at < 6 for at in found) == pytest.approx(1000, abs=1)
    assert len(found) == pytest.approx(900 + 1000, abs=2)
    assert found == sorted(found)


def test_a_file_is_replayed_from_its_first_time(tmp_path: Path) -> None:
    (tmp_path / "times").write_text("1000.5\n1000\n1003\n1020\n")
    assert times(a_load(f"replay:{tmp_path}/times")) == [0, 0.5, 3]


@pytest.mark.parametrize("form", ["constant", "poisson", "burst:7", "ramp:1", "spike:3:1:1"])
def test_the_shares_of_processes_are_the_whole_schedule(form: str) -> None:
    load = a_load(form)
    shares = [arrivals(load, seed=3, share=(index, 3)) for index in range(3)]
    assert sorted(at for share in shares for at in share) == times(load, seed=3)


def test_a_rate_of_nothing_sends_nothing() -> None:
    assert times(a_load("constant", rate=0)) == times(a_load("poisson", rate=0)) == []


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("sine", "Arrivals 'sine' are not known. Write one of: constant, poisson"),
        ("constant:5", "are not known"),
        ("burst:0", "write burst:SIZE with a whole number from 1 on"),
        ("burst:x", "write burst:SIZE"),
        ("ramp:-1", "write ramp:FROM"),
        ("ramp:nan", "write ramp:FROM"),
        ("spike:3", "write spike:TIMES:AT:FOR"),
        ("spike:3:1:x", "write spike:TIMES:AT:FOR"),
        ("replay:", "are not known"),
        ("replay:/nowhere", "/nowhere cannot be replayed"),
    ],
)
def test_what_cannot_be_is_refused(form: str, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        check_arrivals(form)


@pytest.mark.parametrize(("text", "told"), [("1\nx\n", "'x' is no time"), ("", "holds no times")])
def test_a_file_without_times_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "times").write_text(text)
    with pytest.raises(OptionError, match=told):
        check_arrivals(f"replay:{tmp_path}/times")
