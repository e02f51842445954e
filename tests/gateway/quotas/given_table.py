"""`python -m tests.gateway.quotas.given_table`: the table of docs/quotas.md, "What is given"."""

from gateway.limits import Budget, Concurrency, Period
from gateway.rates import Rate
from tests.gateway.quotas.overload import Demand
from tests.gateway.quotas.test_overload import given_of, share_of

ROWS = {
    "`50/s` burst 100, 75 a second": Demand(measure=Rate(50, 1, 100), per_s=75),
    "`2/s` burst 20, 4 a second": Demand(measure=Rate(2, 1, 20), per_s=4),
    "`120/m` burst 30, 40 at once each 10 s": Demand(
        measure=Rate(120, 60, 30), per_s=4, pulse_s=10
    ),
    "`60/m` burst 5, 1.5 a second": Demand(measure=Rate(60, 60, 5), per_s=1.5),
    "budget of 40, 1.5 a second": Demand(measure=Budget(40, Period.DAY), per_s=1.5),
    "budget of 10,000, 300 a second": Demand(measure=Budget(10_000, Period.DAY), per_s=300),
    "3 slots, requests of a second, 4 a second": Demand(measure=Concurrency(3), per_s=4, takes_s=1),
    "64 slots, requests of a second, 90 a second": Demand(
        measure=Concurrency(64), per_s=90, takes_s=1
    ),
    "64 slots, requests of 0.1 s, 900 a second": Demand(
        measure=Concurrency(64), per_s=900, takes_s=0.1
    ),
    "8 slots, requests of 5 ms, 2,200 a second": Demand(
        measure=Concurrency(8), per_s=2200, takes_s=0.005
    ),
}
# None, 4 and 15 in the minute.
KILLS_EVERY_S = (0.0, 15.0, 4.0)


def main() -> None:
    """Print it; it takes some minutes."""
    for name, demand in ROWS.items():
        given = [given_of(demand, every_s) for every_s in KILLS_EVERY_S]
        shares = " | ".join(f"{share_of(one):.1%}" for one in given)
        calm = given[0]
        print(f"| {name} | {shares} | {100 * calm.renewals / calm.admitted:.0f} |", flush=True)


if __name__ == "__main__":
    main()
