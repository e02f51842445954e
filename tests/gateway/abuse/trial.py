"""Sends a case to a gateway and compares everything that comes of it with what should."""

from tests.gateway.abuse.case import KEY, Asked, Case
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import Gateway, RawClient

# Follows every case. On a connection that serves on it must be answered, on one that is to be
# closed it must not: it is what an attacker would smuggle.
_NEXT = b"GET /v2/health/ready HTTP/1.1\r\nHost: gateway\r\n\r\n"
_NEXT_ASKED: Asked = (b"GET /v2/health/ready", b"")


async def try_case(case: Case, gateway: Gateway) -> tuple[Asked, ...]:
    """Send it on a connection of its own and check the answers; what Triton must have seen."""
    client = await gateway.connect()
    try:
        data = case.data.replace(KEY, gateway.token.encode())
        client.writer.write(data if case.is_endless else data + _NEXT)
        await _check_answers(case, client)
    finally:
        client.close()
        gateway.clients.remove(client)
    return (*case.asked, _NEXT_ASKED) if case.is_kept else case.asked


def seen_by(triton: FakeTriton) -> list[Asked]:
    """What Triton was asked, in a case's form."""
    return [(asked.request_line.rpartition(b" ")[0], asked.body) for asked in triton.asked]


async def _check_answers(case: Case, client: RawClient) -> None:
    statuses: list[int] = []
    for number in range(len(case.answers)):
        reply = await client.answer(is_head=case.is_head and number == 0)
        statuses.append(reply.status)
        is_last = number == len(case.answers) - 1
        if reply.status != 100:
            says_close = reply.fields.get("connection") == "close"
            assert says_close is (is_last and not case.is_kept), f"{case.name}: {reply}"
    assert tuple(statuses) == case.answers, case.name
    if case.is_kept:
        assert (await client.answer()).status == 200, case.name
    else:
        assert await client.is_closed(), case.name
