"""What is compared with what: small tensors, large tensors, and many keys, models and Tritons."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.keys import NewKey
from stack.gateway_bench.conch_gateway import EVERY_LIMIT, Limits, make_records, run_conch
from stack.gateway_bench.load import Load
from stack.gateway_bench.measuring import CONNECTIONS, Run
from stack.gateway_bench.nginx_gateway import run_nginx_gateway
from stack.gateway_bench.pinning import Cores
from stack.gateway_bench.processes import Server
from stack.gateway_bench.python_peers import ROOT, run_python_peer
from stack.gateway_bench.traffic import (
    LARGE_FLOATS,
    LARGE_IN,
    LARGE_OUT,
    SMALL_FLOATS,
    Traffic,
    many_models,
    new_keys,
    traffic_of,
)
from stack.trial import free_ports

DIRECT = "upstream alone"
NGINX = "nginx"
CONCH = "Conch"
CONCH_LIMITS = f"{CONCH}, every kind of limit"
CONCH_INTERPRETED = f"{CONCH}, not compiled"
AIOHTTP = "aiohttp"
AIOHTTP_UVLOOP = "aiohttp on uvloop"
FASTAPI = "FastAPI + httpx"
NGINX_IN, NGINX_OUT = f"{NGINX}, 600 kB in", f"{NGINX}, 600 kB out"
CONCH_IN, CONCH_OUT = f"{CONCH}, 600 kB in", f"{CONCH}, 600 kB out"
NGINX_KEYS = f"{NGINX}, 100,000 keys"
CONCH_KEYS = f"{CONCH}, 100,000 keys"
CONCH_MODELS = f"{CONCH}, 1,000 models"
CONCH_TRITONS = f"{CONCH}, 64 Tritons"

KEYS = 100_000
# Of these the requests come: far more than fit a core's own caches.
USED_KEYS = 10_000
MODELS = 1_000
TRITONS = 64


@dataclass(frozen=True)
class Stand:
    """Where a section is set up: a folder of its own, the cores, and the upstream."""

    folder: Path
    cores: Cores
    upstream: Server
    # Program of the contender.
    nginx_program: str
    # Where the Conch lies that is measured.
    code: Path

    def load(self, name: str, traffic: Traffic) -> Load:
        return Load(traffic, self.folder / f"load-{name}", self.cores.load)

    def conch(
        self,
        name: str,
        used: list[NewKey],
        total: int = 1,
        limits: Limits = (),
        code: Path | None = None,
        tritons: int = 1,
    ) -> AbstractContextManager[Server]:
        state_dir = self.folder / name
        make_records(state_dir, used, total, limits)
        (port,) = free_ports(1)
        return run_conch(
            name,
            state_dir,
            port=port,
            triton_port=self.upstream.port,
            cores=self.cores.gateway,
            code=code or self.code,
            tritons=tritons,
        )

    def nginx(
        self, name: str, keys: list[NewKey]
    ) -> tuple[AbstractContextManager[Server], tuple[int, int]]:
        held, streamed = free_ports(2)
        server = run_nginx_gateway(
            name,
            keys,
            ports=(held, streamed),
            triton_port=self.upstream.port,
            program=self.nginx_program,
            cores=self.cores.gateway,
            folder=self.folder / name,
        )
        return server, (held, streamed)

    def peer(
        self, module: str, keys: list[NewKey], *options: str
    ) -> AbstractContextManager[Server]:
        (port,) = free_ports(1)
        return run_python_peer(
            module,
            keys,
            port=port,
            triton_port=self.upstream.port,
            cores=self.cores.gateway,
            folder=self.folder / "-".join((module, *options)),
            options=options,
        )


@contextmanager
def small_tensors(stand: Stand) -> Iterator[list[Run]]:
    """3.3 kB in, 190 bytes out: what a request costs."""
    keys = new_keys(1)
    load = stand.load("small", traffic_of(keys))
    with ExitStack() as servers:
        nginx = servers.enter_context(stand.nginx("nginx", keys)[0])
        contenders = {
            DIRECT: stand.upstream,
            NGINX: nginx,
            CONCH: servers.enter_context(stand.conch("conch", keys)),
            CONCH_LIMITS: servers.enter_context(
                stand.conch("conch-limits", keys, limits=EVERY_LIMIT)
            ),
            **_interpreted(stand, keys, servers),
            AIOHTTP_UVLOOP: servers.enter_context(stand.peer("aiohttp_proxy", keys, "uvloop")),
            AIOHTTP: servers.enter_context(stand.peer("aiohttp_proxy", keys)),
            FASTAPI: servers.enter_context(stand.peer("fastapi_proxy", keys)),
        }
        yield [
            Run(name, server, server.port, load, with_latency=True)
            for name, server in contenders.items()
        ]


def _interpreted(stand: Stand, keys: list[NewKey], servers: ExitStack) -> dict[str, Server]:
    """The sources as they are, where it is something else that is measured."""
    if stand.code == ROOT:
        return {}
    return {CONCH_INTERPRETED: servers.enter_context(stand.conch("sources", keys, code=ROOT))}


@contextmanager
def large_tensors(stand: Stand) -> Iterator[list[Run]]:
    """600 kB in, and 600 kB out: what passing bytes on costs."""
    keys = new_keys(1)
    large_in = stand.load("in", traffic_of(keys, LARGE_FLOATS, (LARGE_IN,)))
    large_out = stand.load("out", traffic_of(keys, SMALL_FLOATS, (LARGE_OUT,)))
    with ExitStack() as servers:
        serving, ports = stand.nginx("nginx-large", keys)
        nginx = servers.enter_context(serving)
        conch = servers.enter_context(stand.conch("conch-large", keys))
        yield [
            Run(NGINX_IN, nginx, _fastest(large_in, ports), large_in),
            Run(CONCH_IN, conch, conch.port, large_in),
            Run(NGINX_OUT, nginx, _fastest(large_out, ports), large_out),
            Run(CONCH_OUT, conch, conch.port, large_out),
        ]


@contextmanager
def many_of_all(stand: Stand) -> Iterator[list[Run]]:
    """The same small tensors with one key, model and Triton, and with many of each."""
    used = new_keys(USED_KEYS)
    keys = used + new_keys(KEYS - USED_KEYS)
    one = stand.load("one", traffic_of(used[:1], requests=USED_KEYS))
    of_keys = stand.load("keys", traffic_of(used))
    models = many_models(MODELS)
    of_models = stand.load("models", traffic_of(used[:1], models=models, requests=USED_KEYS))
    with ExitStack() as servers:
        nginx = servers.enter_context(stand.nginx("nginx-one", used[:1])[0])
        nginx_keys = servers.enter_context(stand.nginx("nginx-keys", keys)[0])
        conch = servers.enter_context(stand.conch("conch-one", used[:1]))
        of_tritons = servers.enter_context(stand.conch("conch-tritons", used[:1], tritons=TRITONS))
        conch_keys = servers.enter_context(stand.conch("conch-keys", used, KEYS))
        yield [
            Run(CONCH, conch, conch.port, one),
            Run(CONCH_KEYS, conch_keys, conch_keys.port, of_keys),
            Run(CONCH_MODELS, conch, conch.port, of_models),
            Run(CONCH_TRITONS, of_tritons, of_tritons.port, one),
            Run(NGINX, nginx, nginx.port, one),
            Run(NGINX_KEYS, nginx_keys, nginx_keys.port, of_keys),
        ]


Section = Callable[[Stand], AbstractContextManager[list[Run]]]
SECTIONS: dict[str, Section] = {
    "small": small_tensors,
    "large": large_tensors,
    "many": many_of_all,
}


def _fastest(load: Load, ports: tuple[int, ...]) -> int:
    """The port of nginx that carries this load best: it is measured at its best."""
    rates = {port: load.run(port, connections=CONNECTIONS, seconds=1).per_second for port in ports}
    return max(rates, key=lambda port: rates[port])
