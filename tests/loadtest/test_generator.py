"""Generator processes against a server whose service time is known."""

import math
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from loadtest.arrivals import arrivals
from loadtest.errors import MeasuringError
from loadtest.generator_process import Generators
from loadtest.histogram import count, mean_us, merged, percentile
from loadtest.results import Load, Loop, Window
from loadtest.traffic import KeyShare, ModelShare, Traffic, Transport
from tests.loadtest.fake_triton import fake_triton


def traffic(url: str, **changes: Any) -> Traffic:
    return Traffic(**{"url": url, "models": [ModelShare(name="fake")], "pool": 2} | changes)


def opened(rate: float, duration_s: float, **changes: Any) -> Load:
    return Load(loop=Loop.OPEN, rate=rate, duration_s=duration_s, **changes)


def closed(users: int, duration_s: float) -> Load:
    return Load(loop=Loop.CLOSED, users=users, duration_s=duration_s)


def run(asked: Traffic, load: Load, *, processes: int = 1) -> list[Window]:
    with Generators(asked, processes=processes) as generators:
        return generators.run(load)


def total(windows: Iterable[Window], name: str) -> int:
    return sum(getattr(window, name) for window in windows)


def errors(windows: Iterable[Window]) -> Counter[str]:
    found: Counter[str] = Counter()
    for window in windows:
        found.update(window.errors)
    return found


def md1_wait_s(load: Load, service_s: float) -> float:
    """Mean wait of these very arrivals before one server (Lindley's recursion)."""
    waits, wait, before = [], 0.0, None
    for at_s in arrivals(load, seed=0):
        wait = 0.0 if before is None else max(0.0, wait + service_s - (at_s - before))
        before = at_s
        waits.append(wait)
    return sum(waits) / len(waits)


@pytest.mark.parametrize("utilisation", [0.5, 0.7])
def test_waiting_times_are_those_of_the_queue(utilisation: float) -> None:
    service_s = 0.04
    load = opened(utilisation / service_s, 4, arrivals="poisson")
    expected_s = md1_wait_s(load, service_s)
    least_s = math.inf
    with fake_triton(service_ms=service_s * 1e3) as url, Generators(traffic(url)) as generators:
        for _ in range(3):  # a busy machine only ever adds
            windows = generators.run(load)
            corrected = merged([window.corrected for window in windows])
            assert count(corrected) == total(windows, "planned") == total(windows, "answered")
            least_s = min(least_s, mean_us(corrected) / 1e6 - service_s)
            if least_s < 1.1 * expected_s:
                break
    assert least_s == pytest.approx(expected_s, rel=0.2, abs=0.004)


def test_the_wait_of_many_arrivals_is_what_theory_says() -> None:
    load = opened(0.7 / 0.01, 5000, arrivals="poisson")
    theory_s = 0.7 * 0.01 / (2 * (1 - 0.7))
    assert md1_wait_s(load, 0.01) == pytest.approx(theory_s, rel=0.05)


def test_a_stall_shows_in_the_corrected_p99_and_not_in_the_uncorrected() -> None:
    stall = {"service_ms": 1, "stall_at_s": 1, "stall_s": 2}
    with fake_triton(**stall) as url:
        in_open_loop = run(traffic(url), opened(100, 4))
    with fake_triton(**stall) as url:
        in_closed_loop = run(traffic(url), closed(1, 4))
    corrected = merged([window.corrected for window in in_open_loop])
    uncorrected = merged([window.service for window in in_closed_loop])
    assert percentile(corrected, 0.99) > 1_500_000
    assert percentile(uncorrected, 0.99) < 500_000


def test_two_processes_send_together_what_one_would() -> None:
    load = opened(100, 2, warmup_s=1)
    seen: list[Window] = []
    with fake_triton(service_ms=1) as url, Generators(traffic(url), processes=2) as generators:
        windows = generators.run(load, seen.append)
    assert seen == windows
    assert [window.at_s for window in windows[:3]] == [0, 1, 2]
    assert [window.warmup for window in windows[:3]] == [True, False, False]
    assert total(windows, "planned") == total(windows, "answered") == 300
    assert count(merged([window.corrected for window in windows])) == 300
    assert all(window.generator_cpu > 0 for window in windows[:3])


def test_arrivals_past_the_cap_are_missed_and_counted() -> None:
    with fake_triton(service_ms=400) as url:
        windows = run(traffic(url), opened(50, 1, max_in_flight=2))
    assert total(windows, "planned") == 50
    assert total(windows, "missed") + total(windows, "sent") == 50
    assert 2 <= total(windows, "sent") <= 8
    assert total(windows, "answered") == total(windows, "sent")


def test_what_is_answered_after_the_step_is_in_windows_of_its_own() -> None:
    with fake_triton(service_ms=500) as url:
        windows = run(traffic(url), opened(4, 1))
    late = windows[1:]
    assert total(late, "planned") == total(late, "sent") == 0
    assert total(late, "answered") >= 2
    assert windows[-1].in_flight == 0


def test_a_refusal_by_a_limit_has_its_own_count_and_errors_have_names() -> None:
    with fake_triton(limited_share=0.25, error_share=0.5) as url:
        windows = run(traffic(url), opened(200, 1))
    assert total(windows, "limited") == 50
    assert errors(windows) == {"503": 75}
    assert total(windows, "answered") == count(merged(w.service for w in windows)) == 75


def test_a_request_without_an_answer_ends_as_timeout() -> None:
    with fake_triton(service_ms=3000) as url:
        windows = run(traffic(url, timeout_s=0.2), opened(5, 1))
    assert errors(windows) == {"timeout": 5}


def test_a_server_that_goes_away_is_named() -> None:
    with ExitStack() as stack:
        with fake_triton() as url:
            generators = stack.enter_context(Generators(traffic(url)))
        windows = generators.run(closed(2, 0.5))
    assert set(errors(windows)) <= {"connection refused", "connection reset", "connection closed"}
    assert errors(windows)["connection refused"] > 0


def test_users_send_again_when_they_were_answered() -> None:
    with fake_triton(service_ms=20) as url:
        windows = run(traffic(url), closed(2, 1))
    assert 30 <= total(windows, "answered") <= 52
    assert total(windows, "planned") == count(windows[0].corrected) == 0


def test_a_stream_tells_when_its_first_event_came() -> None:
    with fake_triton(service_ms=50, events=3) as url:
        windows = run(traffic(url, transport=Transport.STREAM), opened(4, 1))
    first = merged([window.first_event for window in windows])
    whole = merged([window.service for window in windows])
    assert count(first) == count(whole) == 4
    assert mean_us(first) == pytest.approx(50_000, rel=0.4)
    assert mean_us(whole) == pytest.approx(150_000, rel=0.4)


def test_an_error_event_makes_a_stream_fail() -> None:
    with fake_triton(events=2, error_share=1) as url:
        windows = run(traffic(url, transport=Transport.STREAM), opened(10, 1))
    assert errors(windows) == {"error event": 10}


def test_a_certificate_is_verified(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with fake_triton(certificate=tmp_path / "server.pem") as url:
        windows = run(traffic(url, ca_file=str(tmp_path / "ca.pem")), opened(20, 1))
        assert total(windows, "answered") == 20
        with pytest.raises(MeasuringError, match="certificate verify failed"):
            run(traffic(url, ca_file=str(tmp_path / "other.pem")), opened(1, 1))


def test_what_cannot_be_sent_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    keys = [KeyShare(tenant="acme", variable="NO_SUCH_KEY")]
    with fake_triton() as url:
        with pytest.raises(MeasuringError, match="absent was answered 404"):
            run(traffic(url, models=[ModelShare(name="absent")]), closed(1, 1))
        with pytest.raises(MeasuringError, match="tenant acme is read from NO_SUCH_KEY"):
            run(traffic(url, keys=keys), closed(1, 1))
        with pytest.raises(MeasuringError, match="'sometimes' are not known"):
            run(traffic(url), opened(1, 1, arrivals="sometimes"))


CHATTY = """
import os, sys

print("good morning")
sys.addaudithook(lambda event, _: event == "socket.connect" and os.write(1, b"and to you"))
"""


def test_what_anything_else_prints_is_no_line_of_the_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CHATTY)
    with fake_triton() as url:
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
        windows = run(traffic(url), opened(50, 1))
    assert total(windows, "answered") == 50


def test_a_generator_that_ends_is_told_and_leaves_no_process() -> None:
    with (
        fake_triton() as url,
        Generators(traffic(url)) as generators,
        pytest.raises(MeasuringError, match="generator has ended"),
    ):
        process = generators._running[0]._process
        generators.run(closed(1, 30), lambda window: process.kill())
    assert process.returncode is not None
