"""What is read of wrk, and what becomes of requests that fail."""

from pathlib import Path

import pytest

from stack.errors import TrialError, UsageError
from stack.gateway_bench.load import LoadResult, parse_result, require_wrk
from stack.gateway_bench.measuring import Run, measure_in_rounds
from stack.gateway_bench.sections import NGINX
from stack.gateway_bench.traffic import new_keys, traffic_of
from tests.stack.gateway_bench.servers import stand

OUTPUT = """Running 1s test @ http://127.0.0.1:20000
  1 threads and 32 connections
Requests/sec:  27514.61
RESULT {"requests": 27789, "duration_us": 1009973, "bytes": 9698361, "p50_us": 990, \
"p99_us": 4140, "refused": 0, "broken": 0}
"""


def has_wrk() -> bool:
    try:
        return bool(require_wrk())
    except UsageError:
        return False


needs_wrk = pytest.mark.skipif(
    not has_wrk(), reason="wrk is not on the path; `make test` unpacks Debian's"
)


def test_the_result_of_the_script_is_read() -> None:
    result = parse_result(OUTPUT)
    assert result == LoadResult(27789, 1009973, 9698361, 990, 4140, refused=0, broken=0)
    assert result.per_second == pytest.approx(27514.6, abs=0.1)


def test_output_without_a_result_is_an_error() -> None:
    with pytest.raises(TrialError, match="no result: unable to connect"):
        parse_result("unable to connect")


@needs_wrk
def test_a_contender_is_measured_in_rounds(tmp_path: Path) -> None:
    keys = new_keys(3)
    with stand(tmp_path) as place:
        serving, (held, _) = place.nginx(NGINX, keys)
        with serving as server:
            run = Run(NGINX, server, held, place.load("small", traffic_of(keys)))
            measure_in_rounds([run], rounds=1, seconds=1)
    (measured,) = run.measured
    assert measured.cpu_us > 0
    assert measured.mb_per_second > measured.per_second * 3.4e-3
    assert run.warm_peak_mb <= measured.peak_mb


@needs_wrk
def test_requests_that_are_refused_end_the_run(tmp_path: Path) -> None:
    key, stranger = new_keys(2)
    with stand(tmp_path) as place:
        serving, (held, _) = place.nginx(NGINX, [key])
        load = place.load("small", traffic_of([stranger]))
        with (
            serving,
            pytest.raises(TrialError, match=r"[1-9]\d* of them refused, and 0 connections"),
        ):
            load.run(held, connections=1, seconds=1)
