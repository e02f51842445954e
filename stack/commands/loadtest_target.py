"""What all plans of `conch loadtest` are told: where to, which models, whose keys, which folder.

A plan's function has a parameter `target`; `with_target` gives it the flags that make one.
"""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.settings import is_http_url
from loadtest.errors import OptionError
from loadtest.quantities import parse_time_s
from loadtest.traffic import KEY_VARIABLE, KeyShare, Traffic, Transport
from loadtest.traffic_options import parse_dimension, parse_models, parse_tenants
from stack.settings import StackSettings
from stack.settings_flags import settings_of

_BY_SETTINGS = "where the settings have it"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A traffic, and what is around it."""

    traffic: Traffic
    direct: bool
    triton_url: str
    admin_url: str
    processes: int
    max_in_flight: int | None
    out: Path | None
    as_json: bool

    @property
    def models(self) -> list[str]:
        """The models of the mix."""
        return list(dict.fromkeys(share.name for share in self.traffic.models))


def target_of(
    *,
    model: Annotated[
        list[str],
        typer.Option(
            help="Model to call; several make a mix: mnist_cnn=3 is three times as often.",
            metavar="NAME[:VERSION][=WEIGHT]",
        ),
    ],
    batch: Annotated[
        list[str] | None,
        typer.Option(
            help="Samples in a request (default: 1); several make a mix.", metavar="SIZE[=WEIGHT]"
        ),
    ] = None,
    url: Annotated[str | None, typer.Option(help=f"The gateway (default: {_BY_SETTINGS}).")] = None,
    triton_url: Annotated[
        str | None,
        typer.Option(
            help=f"Triton's HTTP, for its statistics and for --direct (default: {_BY_SETTINGS})."
        ),
    ] = None,
    admin_url: Annotated[
        str | None,
        typer.Option(help=f"The gateway's admin plane, for its metrics (default: {_BY_SETTINGS})."),
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Call Triton itself, without the gateway.")
    ] = False,
    transport: Annotated[
        Transport, typer.Option(help="How requests travel; grpc goes to Triton's --grpc-url.")
    ] = Transport.HTTP,
    grpc_url: Annotated[
        str | None,
        typer.Option(help=f"Triton's gRPC, for --transport grpc (default: {_BY_SETTINGS})."),
    ] = None,
    key_from: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Variable that holds a tenant's API key (default: {KEY_VARIABLE}); several make "
            "a mix.",
            metavar="VARIABLE[=WEIGHT]",
        ),
    ] = None,
    ca_file: Annotated[
        str, typer.Option(help="PEM file of who signed the gateway's certificate.", metavar="PATH")
    ] = "",
    dim: Annotated[
        list[str] | None,
        typer.Option(help="Sizes of a dynamic axis.", metavar="INPUT[.AXIS]=LOW[:HIGH]"),
    ] = None,
    samples: Annotated[
        str,
        typer.Option(
            help=".npz, .npy or .png that is sent instead of random values.", metavar="PATH"
        ),
    ] = "",
    pool: Annotated[
        int, typer.Option(min=1, help="Different bodies for each model and batch.")
    ] = 16,
    seed: Annotated[int, typer.Option(help="Of values, mix and arrivals.")] = 0,
    timeout: Annotated[str, typer.Option(help="When an answer is given up.")] = "30s",
    processes: Annotated[int, typer.Option(min=1, help="Processes that generate load.")] = 1,
    max_in_flight: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Open loop: an arrival past so many is missed, and counted "
            "(default: 1000; 10000 in a spike).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run (default: loadtest-runs/TIME-PLAN)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> Target:
    """The flags, and the target they make; addresses that are not given are the stack's own."""
    settings = settings_of({})
    url = settings.url if url is None else url
    triton_url = _triton_url(settings) if triton_url is None else triton_url
    admin_url = settings.admin_url if admin_url is None else admin_url
    grpc_url = f"127.0.0.1:{settings.triton_grpc_port}" if grpc_url is None else grpc_url
    for name, value in (("--url", url), ("--triton-url", triton_url), ("--admin-url", admin_url)):
        if value and not is_http_url(value):
            raise OptionError(f"{name} is {value!r}, which is no URL. Write http://HOST:PORT.")
        if "@" in value:
            # The command line is kept with the run; a name before the host may be a secret.
            raise OptionError(f"{name} holds a name before its host. Write http://HOST:PORT.")
    if out is not None and out.exists():
        raise OptionError(f"--out {out} is there already. Name a folder that is not.")
    if direct and transport is not Transport.GRPC and not triton_url:
        raise OptionError("--direct calls one Triton, and none is known. Name it by --triton-url.")
    direct = direct or transport is Transport.GRPC
    return Target(
        traffic=Traffic(
            url=grpc_url if transport is Transport.GRPC else triton_url if direct else url,
            models=parse_models(model, batch or []),
            transport=transport,
            keys=[] if direct else _keys(key_from or []),
            ca_file=ca_file,
            dimensions=dict(parse_dimension(text) for text in dim or []),
            samples=samples,
            pool=pool,
            seed=seed,
            timeout_s=parse_time_s(timeout, "--timeout"),
        ),
        direct=direct,
        triton_url=triton_url,
        admin_url=admin_url,
        processes=processes,
        max_in_flight=max_in_flight,
        out=out,
        as_json=as_json,
    )


def with_target(command: Callable[..., None]) -> Callable[..., None]:
    """Give a Typer command the flags of `target_of` for its `target`."""
    shared = inspect.signature(target_of, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True).parameters

    def run(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in shared}
        command(**arguments, target=target_of(**given))

    # --model is what every call gives, so it is first.
    parameters = [shared["model"], *(p for p in own.values() if p.name != "target")]
    parameters += [p for p in shared.values() if p.name != "model"]
    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    return run


def _triton_url(settings: StackSettings) -> str:
    """Empty where the gateway forwards to several: there is no statistics of all of them."""
    return "" if "," in settings.gateway_triton_urls else settings.triton_url


def _keys(variables: list[str]) -> list[KeyShare]:
    if variables:
        return parse_tenants(variables)
    # A gateway may be open; where it is not, its 401 says so.
    return parse_tenants([KEY_VARIABLE]) if os.environ.get(KEY_VARIABLE) else []
