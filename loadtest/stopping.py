"""Says what stops a search: what kept the lowest rate that does not hold from holding.

1. What a rule of bottleneck.py names at that rate.
2. limiter, errors   429 or failures were what missed the objective.
3. generator, network, gateway, queue or compute: the rate was kept and nothing was at its end, and
   answers took longer all the same. It is the part of the mean latency that grew most over the
   highest rate that holds; beside it stands the use of the cores, for what waits for a core is
   longer in every part.
4. unknown           the latency could not be split, or its mean hardly grew.
"""

import os
from dataclasses import dataclass

from loadtest.bottleneck import OTHERS, biggest_user
from loadtest.breakdown import GATEWAY_NOT_KNOWN
from loadtest.figures import error_share, errors, limited, missed
from loadtest.results import Bottleneck, Breakdown, Step

# Of the mean at the rate that holds: less is chance, and a p99 of few slow answers is not in it.
_LEAST_GROWTH = 0.1
_LEAST_TOLD_MS = 0.005
_NOTHING = Breakdown(generator_ms=0, network_ms=0, gateway_ms=0, queue_ms=0, compute_ms=0)


@dataclass(frozen=True)
class Stop:
    """A name, which is a bottleneck, a part of the breakdown or `errors`, and its figures."""

    name: str
    reason: str


def what_stops(
    held: Step | None, failing: Step, *, why: str, errors_allowed: float, cores: int | None = None
) -> Stop:
    """`failing` is of the lowest rate that does not hold, `why` the objective that it missed.

    `held` is of the highest rate that holds, if there is one; `cores` are those of this machine.
    """
    if failing.bottleneck not in (Bottleneck.NONE, Bottleneck.UNKNOWN):
        return Stop(failing.bottleneck.value, failing.bottleneck_reason)
    if limited(failing):
        return Stop(Bottleneck.LIMITER.value, why)
    failed = sum(errors(failing).values())
    if failed > missed(failing) and error_share(failing) > errors_allowed:
        return Stop("errors", why)
    name, grown = _growth(held, failing)
    return Stop(name, f"{grown}; {_cores_used(failing, cores or os.cpu_count() or 1)}")


def _growth(held: Step | None, failing: Step) -> tuple[str, str]:
    """The part that grew most, and by how much each did."""
    unsplit = " and ".join(s.label for s in (held, failing) if s and s.breakdown is None)
    if unsplit:
        return Bottleneck.UNKNOWN.value, f"where time was spent at {unsplit} is not known"
    before, after = _parts(held), _parts(failing)
    added_ms = sum(after.values()) - sum(before.values())
    if held and added_ms <= sum(before.values()) * _LEAST_GROWTH:
        return Bottleneck.UNKNOWN.value, (
            f"the mean is hardly above that at {held.label} ({added_ms:+.2f} ms): few answers "
            "were slow, and a mean does not tell what for"
        )
    grown = {name: ms - before[name] for name, ms in after.items() if ms > before[name]}
    name = max(grown, key=grown.__getitem__)
    # What shrank is in no share: that of the others would be more than the whole.
    share = grown[name] / sum(grown.values())
    return (
        name,
        f"{share:.0%} of {added_ms:.2f} ms {_since(held)}: {_told(grown)}{_hidden(failing)}",
    )


def _since(held: Step | None) -> str:
    if held is None:
        return "of the mean, as no rate held to compare it with"
    return f"added to the mean since {held.label}"


def _parts(step: Step | None) -> dict[str, float]:
    parts = step.breakdown if step and step.breakdown else _NOTHING
    return {
        name.removesuffix("_ms"): getattr(parts, name) for name in type(parts).__struct_fields__
    }


def _told(grown: dict[str, float]) -> str:
    ordered = sorted(grown.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {ms:.2f}" for name, ms in ordered if ms >= _LEAST_TOLD_MS)


def _hidden(step: Step) -> str:
    if any(note.startswith(GATEWAY_NOT_KNOWN) for note in step.notes):
        return " (with the gateway's part, which is not known)"
    return ""


def _cores_used(step: Step, cores: int) -> str:
    if not step.machine_cpu:
        return "how much of the cores was used is not known"
    user = biggest_user(step, cores)
    if user == OTHERS and not step.triton_cpu_s:
        user = "programs that are not seen, as Triton is not"
    return f"{step.machine_cpu:.0%} of {cores} cores used, most by {user}"
