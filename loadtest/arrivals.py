"""When the requests of an open loop are due: seeded schedules, and the share of one process.

The forms of `Load.arrivals`:

    constant             the same time between any two
    poisson              each by itself, as many callers who know nothing of one another
    burst:SIZE           SIZE at once, again and again
    ramp:FROM            from FROM a second in the warm-up evenly up or down to the rate
    spike:TIMES:AT:FOR   evenly, TIMES as many from second AT on, for FOR seconds
    replay:FILE          at the times in a file: seconds, one number a line, from the first on
"""

import math
import random
from collections.abc import Callable, Iterator
from itertools import islice, repeat
from pathlib import Path

from loadtest.errors import OptionError
from loadtest.results import Load

# Those whose mean rate is the load's at any time.
EVEN_FORMS = ("constant", "poisson", "burst:SIZE")
FORMS = ("constant", "poisson", "burst:SIZE", "ramp:FROM", "spike:TIMES:AT:FOR", "replay:FILE")

_Schedule = Callable[[Load, str, int], Iterator[float]]


def arrivals(load: Load, *, seed: int, share: tuple[int, int] = (0, 1)) -> Iterator[float]:
    """Planned times in seconds from the start of a step, warm-up included, ascending.

    With the share `(index, of)` every process walks the same schedule and takes each `of`-th
    arrival of it, so that together they send exactly what one would.
    Raises OptionError for a form that is not known or a file that cannot be replayed.
    """
    check_arrivals(load.arrivals)
    index, of = share
    form, _, argument = load.arrivals.partition(":")
    return islice(_SCHEDULES[form](load, argument, seed), index, None, of)


def check_arrivals(text: str) -> None:
    """Raise OptionError unless these arrivals can be made."""
    form, _, argument = text.partition(":")
    if form in ("constant", "poisson") and not argument:
        return
    if form == "burst":
        _positive_whole(argument, text)
    elif form == "ramp":
        _rate(argument, text)
    elif form == "spike":
        _spike_parts(argument, text)
    elif form == "replay" and argument:
        _replayed(Path(argument))
    else:
        raise OptionError(f"Arrivals {text!r} are not known. Write one of: {', '.join(FORMS)}.")


def is_even(text: str) -> bool:
    """Whether the mean rate of these arrivals is the load's at any time."""
    return text.partition(":")[0] in [form.partition(":")[0] for form in EVEN_FORMS]


def check_even_arrivals(text: str, why: str) -> None:
    """Raise OptionError unless these arrivals can be made, and keep the rate that is asked for."""
    check_arrivals(text)
    if not is_even(text):
        raise OptionError(
            f"Arrivals {text!r} do not keep one rate, and {why}. Write one of: "
            f"{', '.join(EVEN_FORMS)}."
        )


def check_spike_comes(text: str, duration_s: float) -> None:
    """Raise OptionError where these arrivals have a spike and it is not within the duration."""
    form, _, argument = text.partition(":")
    if form != "spike":
        return
    _, at_s, for_s = _spike_parts(argument, text)
    if at_s >= duration_s or for_s == 0:
        raise OptionError(
            f"Arrivals {text!r}: a spike of {for_s:g} s from second {at_s:g} on never comes in "
            f"{duration_s:g} s. Write spike:TIMES:AT:FOR with an AT below the --duration."
        )


def _constant(load: Load, _: str, seed: int) -> Iterator[float]:
    return _evenly(0.0, _end_s(load), load.rate)


def _poisson(load: Load, _: str, seed: int) -> Iterator[float]:
    rng = random.Random(seed)
    end_s, at_s = _end_s(load), 0.0
    while load.rate > 0:
        at_s += rng.expovariate(load.rate)
        if at_s >= end_s:
            return
        yield at_s


def _burst(load: Load, size: str, seed: int) -> Iterator[float]:
    for at_s in _evenly(0.0, _end_s(load), load.rate / int(size)):
        yield from repeat(at_s, int(size))


def _ramp(load: Load, start: str, seed: int) -> Iterator[float]:
    first = float(start)
    number = 0
    while (at_s := number / first if first else load.warmup_s) < load.warmup_s:
        yield at_s
        number += 1
    yield from _slope(load, first)


def _slope(load: Load, first: float) -> Iterator[float]:
    """Arrival n is due when the area under the rate, first·t + growth·t²/2, has reached n."""
    growth = (load.rate - first) / load.duration_s
    for number in range(math.floor((first + load.rate) / 2 * load.duration_s)):
        due = first + math.sqrt(max(0.0, first * first + 2 * growth * number))
        yield load.warmup_s + (2 * number / due if due else 0.0)


def _spike(load: Load, argument: str, seed: int) -> Iterator[float]:
    times, at_s, for_s = _spike_parts(argument, load.arrivals)
    begin_s = min(load.warmup_s + at_s, _end_s(load))
    end_s = min(begin_s + for_s, _end_s(load))
    yield from _evenly(0.0, begin_s, load.rate)
    yield from _evenly(begin_s, end_s, load.rate * times)
    yield from _evenly(end_s, _end_s(load), load.rate)


def _evenly(begin_s: float, end_s: float, rate: float) -> Iterator[float]:
    # A little less, or the last of a whole number of them depends on a rounding.
    return (begin_s + n / rate for n in range(math.ceil((end_s - begin_s) * rate - 1e-9)))


def _replay(load: Load, file: str, seed: int) -> Iterator[float]:
    end_s = _end_s(load)
    return iter([at_s for at_s in _replayed(Path(file)) if at_s < end_s])


def _replayed(path: Path) -> list[float]:
    try:
        lines = path.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path} cannot be replayed: {error}.") from None
    times = sorted(_time(line, path) for line in lines)
    if not times:
        raise OptionError(f"{path} holds no times. Write a number of seconds a line.")
    return [at_s - times[0] for at_s in times]


def _time(line: str, path: Path) -> float:
    try:
        at_s = float(line)
    except ValueError:
        at_s = math.nan
    if not math.isfinite(at_s):
        raise OptionError(
            f"{path} cannot be replayed: {line!r} is no time. Write a number of seconds a line."
        )
    return at_s


def _spike_parts(argument: str, text: str) -> tuple[float, float, float]:
    try:
        times, at_s, for_s = (float(part) for part in argument.split(":"))
    except ValueError:
        times = at_s = for_s = math.nan
    if not all(math.isfinite(part) and part >= 0 for part in (times, at_s, for_s)):
        raise OptionError(f"Arrivals {text!r}: write spike:TIMES:AT:FOR with three numbers.")
    return times, at_s, for_s


def _positive_whole(argument: str, text: str) -> None:
    if not argument.isascii() or not argument.isdigit() or int(argument) == 0:
        raise OptionError(f"Arrivals {text!r}: write burst:SIZE with a whole number from 1 on.")


def _rate(argument: str, text: str) -> None:
    try:
        value = float(argument)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise OptionError(f"Arrivals {text!r}: write ramp:FROM with a number of requests a second.")


def _end_s(load: Load) -> float:
    return load.warmup_s + load.duration_s


_SCHEDULES: dict[str, _Schedule] = {
    "constant": _constant,
    "poisson": _poisson,
    "burst": _burst,
    "ramp": _ramp,
    "spike": _spike,
    "replay": _replay,
}
