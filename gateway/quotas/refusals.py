"""Why a request does not fit a limit, and how long it must wait."""

from gateway.quotas.decisions import Reason, Refusal, Waiting
from gateway.quotas.holding import US, Holding
from gateway.quotas.outage import Mode
from gateway.quotas.protocol import Kind
from gateway.rates import Rate

_SECOND_NS = US**3


def why_short(holding: Holding, cost: int, mode: Mode, now_ns: int) -> Refusal | None:
    """The refusal of a request that costs more than is held; None: the store may have more."""
    if cost > holding.capacity:
        return Refusal(Reason.TOO_LARGE, holding.limit, retry_after_s=None, cost=cost)
    is_told = (
        now_ns < holding.ask_ns and not holding.is_open and not _hangs_on_others(holding, cost)
    )
    if is_told and cost > holding.free + holding.left:
        wait_ns = max(holding.ready_ns, holding.ask_ns) - now_ns + _beyond_one_ns(holding, cost)
        return Refusal(Reason.USED_UP, holding.limit, -(-wait_ns // _SECOND_NS))
    if mode is not Mode.EXACT:
        return Refusal(Reason.STORE_AWAY, holding.limit, retry_after_s=1)
    return None


def may_pass(holding: Holding, refusal: Refusal, mode: Mode) -> bool:
    """Whether a slot may be there in a moment: other holders have some, in use or not."""
    is_slot = holding.kind is Kind.CONCURRENCY and refusal.reason is Reason.USED_UP
    return is_slot and mode is Mode.EXACT and holding.reserved < holding.capacity


def strictest(refusals: list[Refusal]) -> Refusal:
    """The one that must be waited for longest."""
    return max(refusals, key=_wait_s)


def late(waiting: Waiting, now_ns: int) -> Refusal:
    """The refusal of a request that has waited as long as it may."""
    for holding, _ in waiting.takes():
        if holding.is_open:
            wait_s = -(-(holding.ready_ns - now_ns) // _SECOND_NS)
            return Refusal(Reason.USED_UP, holding.limit, max(wait_s, 1))
    return Refusal(Reason.STORE_AWAY, waiting.allowance.holdings[0].limit, retry_after_s=1)


def _wait_s(refusal: Refusal) -> float:
    return float("inf") if refusal.retry_after_s is None else refusal.retry_after_s


def _hangs_on_others(holding: Holding, cost: int) -> bool:
    """Of a rate: whether refilling may not be enough, since others hold a quarter of the burst at
    most. The store told the time for that only if it was asked for as much."""
    is_nearly_all = holding.kind is Kind.RATE and cost > holding.capacity * 3 // 4
    return is_nearly_all and holding.holders > 1 and cost > holding.needed


def _beyond_one_ns(holding: Holding, cost: int) -> int:
    """How much longer than for one unit, for which the store may have told the time."""
    measure = holding.limit.measure
    if not isinstance(measure, Rate):
        return 0
    more = cost - max(holding.free, 0) - 1
    return -(-more * measure.period_s * _SECOND_NS // measure.amount)
