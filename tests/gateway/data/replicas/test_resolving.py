"""Names of hosts that stand for several Tritons."""

import asyncio

from gateway.data.replicas.group import Replicas
from gateway.data.replicas.replica import Address, Replica, new_replica
from gateway.data.replicas.resolving import Names, follow_names, resolve
from tests.gateway.helpers import Clock, run, until

GPU = Address("gpu", 8000)


class FakeResolver:
    """Says what the test tells it; None: the name is not found."""

    def __init__(self, *hosts: str) -> None:
        self.hosts: list[str] | None = list(hosts)

    async def __call__(self, host: str, port: int) -> list[str]:
        if self.hosts is None:
            raise OSError("not found")
        return self.hosts


def addresses(*hosts: str) -> list[Address]:
    return [Address(host, 8000) for host in hosts]


def test_a_name_with_several_addresses_is_several_tritons() -> None:
    async def test() -> None:
        names = Names([GPU], FakeResolver("10.0.0.1", "10.0.0.2"))
        assert names.are_any
        assert await names.look_up() == addresses("10.0.0.1", "10.0.0.2")

    run(test)


def test_a_name_with_one_address_stays_a_name() -> None:
    async def test() -> None:
        assert await Names([GPU], FakeResolver("10.0.0.1")).look_up() == [GPU]

    run(test)


def test_a_name_that_is_no_longer_found_keeps_what_it_had() -> None:
    async def test() -> None:
        resolver = FakeResolver("10.0.0.1", "10.0.0.2")
        names = Names([GPU], resolver)
        before = await names.look_up()
        resolver.hosts = None
        assert await names.look_up() == before
        resolver.hosts = []
        assert await names.look_up() == before

    run(test)


def test_a_name_that_was_never_found_is_asked_for_by_who_connects() -> None:
    async def test() -> None:
        resolver = FakeResolver()
        resolver.hosts = None
        assert await Names([GPU], resolver).look_up() == [GPU]

    run(test)


def test_addresses_are_not_looked_up() -> None:
    names = Names(addresses("127.0.0.1", "::1", "localhost"), FakeResolver("10.0.0.9", "10.0.0.8"))
    assert not names.are_any


def test_an_address_behind_two_names_is_one_triton() -> None:
    async def test() -> None:
        names = Names([GPU, *addresses("10.0.0.2")], FakeResolver("10.0.0.1", "10.0.0.2"))
        assert await names.look_up() == addresses("10.0.0.1", "10.0.0.2")

    run(test)


def test_loopback_is_found_in_one_family() -> None:
    async def test() -> None:
        assert await resolve("localhost", 8000) in (["127.0.0.1"], ["::1"])

    run(test)


def test_those_that_come_and_go_are_followed() -> None:
    async def test() -> None:
        resolver = FakeResolver("10.0.0.1", "10.0.0.2")
        names = Names([GPU], resolver)

        def new(address: Address) -> Replica:
            return new_replica(address, 8)

        known = {address: new(address) for address in await names.look_up()}
        group = Replicas(known.values(), now_s=Clock().seconds)
        stays = group.all[1]
        task = asyncio.create_task(follow_names(group, names, known, new, every_s=0))
        resolver.hosts = ["10.0.0.2", "10.0.0.3"]
        await until(lambda: group.all[0] is stays)
        assert [replica.name for replica in group.all] == ["10.0.0.2:8000", "10.0.0.3:8000"]
        assert stays.standing.is_usable
        # It has to say that it is live first.
        assert not group.all[1].standing.is_usable
        task.cancel()

    run(test)
