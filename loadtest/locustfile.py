"""Locust users that call models through the gateway with binary tensors, made once.

    CONCH_API_KEY=ck_… locust -f loadtest/locustfile.py --host http://127.0.0.1:8080 \\
        --model mnist_mlp --batch 1 --headless --users 32 --spawn-rate 32 --run-time 30s

Every flag is an environment variable too (`--model` is LOCUST_MODEL). Users of the class
OpenLoopUser do not wait for answers: each plans `--rate` requests a second, so that the load is
users x rate. A 429 is reported under its own name: the limit doing its work is no failure.
Stages of users over time: `-f loadtest/locustfile.py,loadtest/shapes.py --stages 10:60s,50:60s`.
"""

import itertools
import logging
import os
import sys
import time
from argparse import ArgumentParser
from typing import Any, NoReturn

import gevent
from locust import User, events, stats, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from loadtest.alarm import Alarm
from loadtest.arrivals import arrivals
from loadtest.errors import LoadTestError
from loadtest.results import Load, Loop
from loadtest.sending import OpenTraffic, open_traffic, use_grpc
from loadtest.traffic import KEY_VARIABLE, Traffic, Transport
from loadtest.traffic_options import parse_dimension, parse_models, parse_tenants
from loadtest.transports.answers import LIMITED, Answer

# From a worker that cannot send to its master, with the reason.
_CANNOT_SEND = "conch_cannot_send"
# Until the master, which was told, has ended a worker; one that ends at once may not be heard.
_ENDED_WITHIN_S = 10.0
# An open loop in Locust ends with the test and not by itself.
_FOREVER_S = 1e9


def add_flags(parser: ArgumentParser) -> None:
    """Flags of this file, shown in Locust's `--help` and web form."""

    def add(flag: str, default: Any, text: str, **more: Any) -> None:
        variable: Any = {"env_var": f"LOCUST_{flag.upper().replace('-', '_')}"}
        parser.add_argument(f"--{flag}", default=default, help=text, **variable, **more)

    add("model", "mnist_mlp", "Model to call, or several with weights: mnist_mlp=3,mnist_cnn=1.")
    add("batch", "1", "Samples in a request, or several with weights: 1=8,32=1.")
    add(
        "keys",
        "",
        f"Variables with keys, with weights: ACME=3,FREE=1. Else {KEY_VARIABLE}.",
    )
    add("transport", "http", "How requests travel.", choices=[kind.value for kind in Transport])
    add("dim", "", "Sizes of dynamic axes: INPUT=LOW:HIGH, several with commas.")
    add("samples", "", "File with values to send: .npz, .npy or .png.")
    add("ca-file", "", "Authorities that the server's certificate is verified by, as PEM.")
    add("pool", 16, "Different bodies made for each model and batch.", type=int)
    add("seed", 0, "Of all that is random.", type=int)
    add("timeout", 30.0, "Seconds that a request may take.", type=float)
    add("rate", 10.0, "Requests a second that each OpenLoopUser plans.", type=float)
    add("arrivals", "poisson", "When they are due: constant, poisson, burst:SIZE, replay:FILE.")
    add("max-in-flight", 1000, "Of one OpenLoopUser; arrivals past it are missed.", type=int)


def set_up(environment: Environment, **_: Any) -> None:
    """Without a class on the command line the users are of the closed loop."""
    options: Any = environment.parsed_options
    if not options.user_classes and not options.class_picker:
        environment.user_classes.remove(OpenLoopUser)
    if isinstance(environment.runner, MasterRunner):
        environment.runner.register_message(_CANNOT_SEND, end_test, concurrent=True)
    if options.transport == Transport.GRPC:
        use_grpc()


def end_test(environment: Environment, msg: Any, **_: Any) -> None:
    """A worker cannot send, and the others are like it: the test ends, and has failed."""
    runner, options = environment.runner, environment.parsed_options
    if runner is None or options is None or environment.process_exit_code:
        return
    logging.error(msg.data["why"])
    if not options.headless:
        # The web page stays, for another test.
        runner.stop()
        return
    environment.process_exit_code = 1
    runner.quit()


def bucket_response_time(response_time_ms: float) -> float:
    """Locust rounds to whole milliseconds, which is as long as a small model takes."""
    return round(response_time_ms, 1) if response_time_ms < 100 else float(round(response_time_ms))


events.init_command_line_parser.add_listener(add_flags)
events.init.add_listener(set_up)
stats.bucket_response_time = bucket_response_time  # type: ignore[assignment] # Locust has it replaced


class _ConchUser(User):
    """Sends ready requests, and tells Locust what became of them."""

    abstract = True
    _opened: OpenTraffic | None = None
    _numbers = itertools.count()

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.number = next(_ConchUser._numbers)
        if _ConchUser._opened is None:
            _ConchUser._opened = _open(environment)
        self.opened = _ConchUser._opened

    def send(self, planned_at: float | None = None) -> None:
        """One request; its response time counts from when it was planned, if it was."""
        request, started_at = self.opened.next_request(), time.monotonic()
        answer = self.opened.send(request)
        since = started_at if planned_at is None else planned_at
        self._tell(request.name, answer, (time.monotonic() - since) * 1e3)
        if answer.first_event_at:
            first_ms = (answer.first_event_at - since) * 1e3
            self._tell(f"{request.name} (first event)", answer, first_ms)

    def _tell(self, name: str, answer: Answer, response_time_ms: float | None) -> None:
        """Without a response time it is counted, and in no percentile or mean."""
        limited = answer.failure == LIMITED
        failed = answer.failure and not limited
        self.environment.events.request.fire(
            request_type=str(self._options.transport).upper(),
            name=f"{name} (429 over the limit)" if limited else name,
            response_time=response_time_ms,
            response_length=answer.size_bytes,
            exception=_RequestFailed(answer.failure) if failed else None,
            context=self.context(),
        )

    @property
    def _options(self) -> Any:
        return self.environment.parsed_options


class InferUser(_ConchUser):
    """Calls a model again as soon as it was answered (closed loop)."""

    @task
    def infer(self) -> None:
        """One inference with the next of the prepared bodies."""
        self.send()


class OpenLoopUser(_ConchUser):
    """Calls at planned times, however long the answers take; response times count from them."""

    in_flight = 0

    @task
    def keep_the_rate(self) -> None:
        """Send until the test ends."""
        options = self._options
        load = Load(
            loop=Loop.OPEN, rate=options.rate, arrivals=options.arrivals, duration_s=_FOREVER_S
        )
        seed = hash((options.seed, _worker_index(self.environment), self.number))
        alarm, start_at = Alarm(), time.monotonic()
        try:
            for after_s in arrivals(load, seed=seed):
                alarm.wait_until(start_at + after_s)
                self._start(start_at + after_s, options.max_in_flight)
        except LoadTestError as error:
            _give_up(self.environment, error)
        finally:
            alarm.close()
        raise StopUser  # a file of times is at its end

    def _start(self, planned_at: float, max_in_flight: int) -> None:
        if self.in_flight >= max_in_flight:
            self._tell("missed", Answer("too many in flight"), None)
            return
        self.in_flight += 1
        gevent.spawn(self._send_planned, planned_at)

    def _send_planned(self, planned_at: float) -> None:
        try:
            self.send(planned_at)
        finally:
            self.in_flight -= 1


class _RequestFailed(Exception):
    """Carries the name of a failure to Locust's table of failures."""


def _open(environment: Environment) -> OpenTraffic:
    try:
        return open_traffic(_traffic(environment), index=_worker_index(environment))
    except LoadTestError as error:
        _give_up(environment, error)


def _give_up(environment: Environment, error: LoadTestError) -> NoReturn:
    """End with the reason; of several processes all do, by their master."""
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.send_message(_CANNOT_SEND, {"why": str(error)})
        gevent.sleep(_ENDED_WITHIN_S)
    sys.exit(str(error))


def _worker_index(environment: Environment) -> int:
    return max(0, int(getattr(environment.runner, "worker_index", 0)))


def _traffic(environment: Environment) -> Traffic:
    options: Any = environment.parsed_options
    variables = options.keys or (KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else "")
    return Traffic(
        url=environment.host or "",
        models=parse_models(_parts(options.model), _parts(options.batch)),
        transport=Transport(options.transport),
        keys=parse_tenants(_parts(variables), name="--keys"),
        ca_file=options.ca_file,
        dimensions=dict(parse_dimension(text) for text in _parts(options.dim)),
        samples=options.samples,
        pool=options.pool,
        seed=options.seed,
        timeout_s=options.timeout,
    )


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
