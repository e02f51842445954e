"""What a client is answered whose key or certificate is not valid."""

from gateway import keys
from gateway.data.attempts import PER_ADDRESS
from tests.gateway.fake_triton import FakeTriton
from tests.gateway.helpers import assert_problem, get, run, running


def test_too_many_failures_are_429_and_keys_that_hold_pass_nevertheless() -> None:
    async def test() -> None:
        async with running(FakeTriton()) as gateway:
            assert (await gateway.ask(get(b"/v2", gateway.token))).status == 200
            for _ in range(PER_ADDRESS.burst):
                wrong = await gateway.ask(get(b"/v2", keys.generate().token))
                assert_problem(wrong, 401, "unauthenticated")
            refused = await gateway.ask(get(b"/v2", keys.generate().token))
            assert_problem(refused, 429, "too_many_failures")
            assert refused.fields["retry-after"] in ("1", "2")
            for token in (gateway.token, gateway.add_key()):
                assert (await gateway.ask(get(b"/v2", token))).status == 200

    run(test)
