"""What changes Triton is done at all of them, in turn."""

import json

from gateway.permissions import parse_grant
from tests.gateway.fake_triton import OK, FakeTriton
from tests.gateway.helpers import assert_problem, post, run, running

LOAD = b"/v2/repository/models/echo/load"
REFUSED = b'{"error":"failed to load \'echo\'"}'
GRANTS = (parse_grant("repository:load,logging,trace=*"),)


def test_a_load_is_done_at_all_and_answered_once() -> None:
    async def test() -> None:
        tritons = [FakeTriton() for _ in range(3)]
        async with running(*tritons) as gateway:
            token = gateway.add_key(grants=GRANTS)
            client = await gateway.connect()
            assert (await client.ask(post(LOAD, token))).status == 200
            assert [len(triton.asked) for triton in tritons] == [1, 1, 1]
            assert {triton.asked[0].body for triton in tritons} == {b"{}"}
            # Which models are ready has changed.
            assert all(replica.is_index_due for replica in gateway.gate.replicas.all)
            assert (await client.ask(post(b"/v2/logging", token, b'{"a":1}'))).status == 200
            assert {triton.asked[1].body for triton in tritons} == {b'{"a":1}'}

    run(test)


def test_the_first_that_refuses_ends_it_by_name() -> None:
    async def test() -> None:
        refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(REFUSED) + REFUSED
        tritons = [FakeTriton(answer) for answer in (OK, refused, OK)]
        async with running(*tritons) as gateway:
            reply = await gateway.ask(post(LOAD, gateway.add_key(grants=GRANTS)))
            names = [replica.name for replica in gateway.gate.replicas.all]
        assert reply.status == 400
        assert json.loads(reply.body) == {
            "error": f"failed to load 'echo' (Failed at {names[1]}; done at: {names[0]}.)"
        }
        assert reply.fields["x-conch-triton"] == names[1]
        assert not tritons[2].asked

    run(test)


def test_one_that_cannot_be_reached_comes_last_and_is_named() -> None:
    async def test() -> None:
        tritons = [FakeTriton() for _ in range(2)]
        async with running(*tritons) as gateway:
            await tritons[0].stop()
            gateway.gate.replicas.eject(gateway.gate.replicas.all[0], "test")
            reply = await gateway.ask(post(LOAD, gateway.add_key(grants=GRANTS)))
            detail = str(assert_problem(reply, 503, "triton_unavailable")["detail"])
            assert f"(Failed at 127.0.0.1:{tritons[0].port}; done at: 127.0.0.1:" in detail
            assert len(tritons[1].asked) == 1
            await tritons[0].start()

    run(test)


def test_one_that_breaks_off_is_not_asked_again() -> None:
    async def test() -> None:
        first, second = FakeTriton(b"garbage\r\n\r\n"), FakeTriton()
        async with running(first, second) as gateway:
            reply = await gateway.ask(post(LOAD, gateway.add_key(grants=GRANTS)))
            detail = str(assert_problem(reply, 502, "upstream_failed")["detail"])
            assert detail.endswith("done at: none.)")
            assert len(first.asked) == 1 and not second.asked

    run(test)
