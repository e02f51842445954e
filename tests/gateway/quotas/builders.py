"""Limits and messages, with what a test does not care about left out."""

from typing import Any

from gateway.limits import Budget, Concurrency, Limit, Metric
from gateway.quotas.ledger import Account, Now
from gateway.quotas.protocol import Ask, Given
from gateway.rates import Rate


def limit(
    measure: Rate | Budget | Concurrency,
    metric: Metric = Metric.REQUESTS,
    *,
    models: str = "*",
    principal: str | None = "key_1",
) -> Limit:
    id_ = f"{metric}-{type(measure).__name__}"
    return Limit(id_, "acme", principal, models, metric, measure)


def ask(
    measure: Rate | Budget | Concurrency,
    *,
    needs: int = 0,
    wants: int | None = None,
    granted: int = 0,
    spent: int = 0,
    returned: int = 0,
    epoch: int = 1,
    quiet_us: int = 0,
) -> Ask:
    return Ask(
        limit=limit(measure),
        epoch=epoch,
        granted=granted,
        spent=spent,
        returned=returned,
        quiet_us=quiet_us,
        needs=needs,
        needed=needs,
        wants=needs if wants is None else wants,
    )


class Ledger:
    """An account, and the running numbers of those who ask."""

    def __init__(self, account: Account[Any], measure: Any, now: Now) -> None:
        self.account = account
        self.measure = measure
        self.now = now
        self.number = 0
        account.begin(measure, now)

    def pass_us(self, span_us: int) -> None:
        self.now = Now(self.now.us + span_us, self.now.wall_us + span_us)

    def renew(self, holder: str = "one", *, number: int | None = None, **given: int) -> Given:
        self.number += 1
        question = ask(self.measure, **given)
        number = self.number if number is None else number
        return self.account.renew(self.measure, holder, number, question, self.now)
