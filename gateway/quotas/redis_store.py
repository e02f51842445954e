"""Quotas kept in Redis, for gateways on several machines; needs the extra [redis].

One pipeline at a time is under way, and what is asked meanwhile goes with the next. Who asked may
be cancelled, or give up waiting: the pipeline goes on, and its answers are lost, as any may be.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import structlog
from redis.asyncio import RedisCluster
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from gateway.errors import ConfigurationError
from gateway.quotas.patience import within
from gateway.quotas.protocol import Answer, Renewal
from gateway.quotas.redis_client import Client
from gateway.quotas.redis_faults import fault_text, needs_the_operator
from gateway.quotas.redis_health import Mark, check_info
from gateway.quotas.redis_messages import parse_reply
from gateway.quotas.redis_script import Command, Reply, Script, script_text

# For one pipeline, a connection and what Redis is asked on it first included; less than Renewing
# waits, so that it is told here what was waited for.
TIMEOUT_S = 0.4
# For whoever asks: a pipeline may be under way already.
LONGEST_S = 1.0
# Renewals in one pipeline; Redis takes some ten milliseconds for so many.
MAX_RENEWALS = 200

_FAULTS = (RedisError, RedisClusterException, OSError, ConfigurationError, msgspec.MsgspecError)

_log = structlog.get_logger()

_PROBE = Renewal(tenant="probe", holder="probe", number=1, asks=())


@dataclass(frozen=True, slots=True)
class _Asked:
    renewals: Sequence[Renewal]
    answers: asyncio.Future[list[Answer | None]]


class RedisStore:
    """The Store in Redis (protocol.py) for one worker."""

    def __init__(self, client: Client, *, script: str | None = None) -> None:
        self._client = client
        self._script = Script(script or script_text())
        self._mark = Mark()
        self._is_checked = False
        # Why Redis gave no answer, when last it gave none.
        self._fault: str | None = None
        self._asked: list[_Asked] = []
        self._sender: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Raises ConfigurationError for what an operator must mend; Redis may be away."""
        try:
            (reply,) = await self._run([_PROBE])
            if isinstance(reply, RedisError):
                raise reply
        except _FAULTS as error:
            if needs_the_operator(error):
                raise ConfigurationError(fault_text(error)) from None
            await self._note(error)

    async def renew(self, renewals: Sequence[Renewal]) -> Sequence[Answer | None]:
        """As the protocol says: None stands for an answer that does not come in time."""
        if not renewals:
            return []
        answers: asyncio.Future[list[Answer | None]] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(renewals, answers))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_asked())
        await asyncio.wait([answers], timeout=LONGEST_S)
        return answers.result() if answers.done() else [None] * len(renewals)

    async def close(self) -> None:
        """Whoever still waits is answered None."""
        if self._sender is not None:
            self._sender.cancel()
            with suppress(asyncio.CancelledError):
                await self._sender
        for one in self._asked:
            one.answers.set_result([None] * len(one.renewals))
        await self._client.aclose()

    async def _send_asked(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, []
            renewals = [renewal for one in asked for renewal in one.renewals]
            answers: list[Answer | None] = [None] * len(renewals)
            try:
                await self._fill(answers, renewals)
            finally:
                _hand_out(answers, asked)

    async def _fill(self, answers: list[Answer | None], renewals: Sequence[Renewal]) -> None:
        """Stops where Redis gives no answer: the rest would wait for as long again."""
        for start in range(0, len(renewals), MAX_RENEWALS):
            part = renewals[start : start + MAX_RENEWALS]
            try:
                replies = await self._run(part)
                answers[start : start + len(part)] = map(self._answer, part, replies)
                await self._note(next((r for r in replies if isinstance(r, RedisError)), None))
            except _FAULTS as error:
                await self._note(error)
                return

    async def _run(self, renewals: Sequence[Renewal]) -> list[Reply]:
        return await within(TIMEOUT_S, self._run_checked(renewals))

    async def _run_checked(self, renewals: Sequence[Renewal]) -> list[Reply]:
        if not self._is_checked:
            await self._check_server()
        return await self._script.run(renewals, self._send)

    async def _check_server(self) -> None:
        # A proxy or an administrator may not let it be asked.
        with suppress(ResponseError):
            check_info(await self._client.info(), is_cluster=isinstance(self._client, RedisCluster))
        self._is_checked = True

    async def _send(self, commands: Sequence[Command]) -> list[Reply]:
        before = self._mark.commands()
        async with self._client.pipeline(transaction=False) as pipeline:
            for command in (*before, *commands):
                pipeline.execute_command(*command)
            replies: list[Reply] = await pipeline.execute(raise_on_error=False)
        self._mark.look(replies[len(before) - 1])
        return replies[len(before) :]

    def _answer(self, renewal: Renewal, reply: Reply) -> Answer | None:
        if isinstance(reply, RedisError):
            return None
        answer, forgotten = parse_reply(renewal.number, reply)
        is_lost = any(
            given.is_lost and given.epoch == ask.epoch
            for ask, given in zip(renewal.asks, answer.given, strict=True)
        )
        if is_lost or forgotten:
            # Or the Renewal came too late; what Redis has lost shows in many of these.
            _log.warning("redis_forgot_a_lease", tenant=renewal.tenant, units=forgotten)
        return answer

    async def _note(self, error: Exception | None) -> None:
        """Tell of each change; after a fault, all begins with a new connection."""
        fault = None if error is None else fault_text(error)
        if fault != self._fault:
            self._fault = fault
            if fault is None:
                _log.info("redis_answers")
            else:
                _log.warning("redis_fails", reason=fault)
        if fault is not None:
            self._is_checked = False
            await self._client.aclose()


def _hand_out(answers: Sequence[Answer | None], asked: Sequence[_Asked]) -> None:
    start = 0
    for one in asked:
        end = start + len(one.renewals)
        one.answers.set_result(list(answers[start:end]))
        start = end
