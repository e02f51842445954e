"""A short run of the rounds; the long one is `python -m tests.gateway.abuse.rounds`."""

import uvloop

from tests.gateway.abuse import rounds

# What a run of this length may leave in caches of the interpreter and the allocator.
_SLACK_KB = 8 * 1024


def test_nothing_is_left_of_hundreds_of_hostile_rounds() -> None:
    report = uvloop.run(rounds.play(600, seed=1))
    assert report.after.descriptors <= report.before.descriptors + rounds.MAX_CONNECTIONS
    assert report.after.resident_kb - report.before.resident_kb < _SLACK_KB, report
