"""Token buckets in shared memory: as exact as those of one worker, and no kill blocks them."""

import fcntl
import os
import random
import subprocess
import sys

import pytest

from gateway.data.limits import NANOSECONDS, TokenBuckets
from gateway.data.shared_buckets import ENTRIES, SharedBuckets, new_bucket_memory
from gateway.rates import Rate

LIMIT = Rate(1000, 1, 50)
# Takes all it gets for a second; tells how much that was, and between which moments.
GREEDY = """
import sys, time
from gateway.data.shared_buckets import SharedBuckets
from gateway.rates import Rate

buckets, taken = SharedBuckets(int(sys.argv[1])), 0
sys.stdin.readline()
first = now = time.monotonic_ns()
while now < first + 1_000_000_000:
    now = time.monotonic_ns()
    taken += buckets.admit("key", Rate(1000, 1, 50), now).admitted
print(taken, first, now)
"""


def test_it_decides_as_the_buckets_of_one_worker_do() -> None:
    alone, shared = TokenBuckets(), SharedBuckets(new_bucket_memory(groups=64))
    limits = [Rate(3, 1, 2), Rate(100, 60, 1), Rate(7, 3600, 5), None]
    now_ns, seed = 0, random.Random(1)
    for _ in range(20_000):
        number = seed.randrange(len(limits))
        now_ns += seed.randrange(NANOSECONDS // 10)
        decisions = [b.admit(f"key {number}", limits[number], now_ns) for b in (alone, shared)]
        assert decisions[0] == decisions[1]


def test_all_processes_together_take_no_more_than_the_limit() -> None:
    memory = new_bucket_memory()
    command = [sys.executable, "-c", GREEDY, str(memory)]
    processes = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[memory]
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [[int(word) for word in process.communicate()[0].split()] for process in processes]
    taken = sum(numbers[0] for numbers in said)
    period_ns = max(numbers[2] for numbers in said) - min(numbers[1] for numbers in said)
    most = LIMIT.burst + LIMIT.amount * period_ns / NANOSECONDS
    assert taken <= most
    # All of them were greedy, so that nothing was left either.
    assert taken >= LIMIT.amount


def test_a_process_killed_with_a_lock_blocks_nobody() -> None:
    memory = new_bucket_memory(groups=1)
    holding = (
        "import fcntl, sys; fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX); print(1, flush=True)"
    )
    command = [sys.executable, "-c", f"{holding}; sys.stdin.read()", str(memory)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[memory]
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(BlockingIOError):
            fcntl.lockf(memory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder.kill()
        holder.wait()
        assert SharedBuckets(memory).admit("key", LIMIT, 0).admitted
    os.close(memory)


def test_a_key_whose_group_is_full_of_others_waits_for_the_first_to_be_free() -> None:
    buckets = SharedBuckets(new_bucket_memory(groups=1))
    slow = Rate(1, 60, 1)
    for number in range(ENTRIES):
        assert buckets.admit(f"key {number}", slow, number * NANOSECONDS).admitted
    now_ns = ENTRIES * NANOSECONDS
    decision = buckets.admit("one more", slow, now_ns)
    assert (decision.admitted, decision.retry_after_s) == (False, 60 - ENTRIES)
    assert buckets.admit("one more", slow, 60 * NANOSECONDS).admitted
