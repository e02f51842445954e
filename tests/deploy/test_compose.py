"""docker-compose.yml, checked by the Compose binary without a Docker engine."""

import re
import shlex
from collections.abc import Iterator
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
import typer

from exporters.publishing.staging import staging_root
from gateway.settings import known_names
from stack.cli import app
from stack.settings import StackSettings
from tests.deploy.compose_file import PROFILES, ROOT, all_services, services

COMBINATIONS = list(
    chain.from_iterable(combinations(PROFILES, count) for count in range(len(PROFILES) + 1))
)
# They run once and end.
ONE_SHOT = {"secrets", "migrate", "first-key", "export", "export-gpu"}
OURS = {"conch-gateway", "conch-loadtest", "conch-export"}


def each() -> Any:
    return pytest.mark.parametrize("name", sorted(all_services()))


@pytest.mark.parametrize("profiles", COMBINATIONS, ids="-".join)
def test_every_combination_of_profiles_is_a_whole(profiles: tuple[str, ...]) -> None:
    assert {"gateway", "triton", "database", "redis"} <= set(services(*profiles))


def test_only_the_gateway_is_published() -> None:
    published = [name for name, service in services().items() if service.get("ports")]
    assert published == ["gateway"]


def test_what_else_is_published_is_for_people_of_this_machine() -> None:
    ports = {name: service.get("ports", []) for name, service in all_services().items()}
    assert {name for name, published in ports.items() if published} == {
        "gateway",
        "grafana",
        "loadtest",
    }
    assert {port["host_ip"] for published in ports.values() for port in published} == {"127.0.0.1"}


@each()
def test_who_is_published_to_nobody_reaches_nobody(name: str) -> None:
    networks = set(all_services()[name].get("networks") or ())
    is_alone = all_services()[name].get("network_mode") == "none"
    assert is_alone or networks
    assert ("edge" in networks) == (name in {"gateway", "grafana", "loadtest", "alertmanager"})


def test_every_conch_variable_is_a_setting() -> None:
    used = {name for service in all_services().values() for name in service.get("environment", {})}
    assert {name for name in used if name.startswith("CONCH_")} <= known_names(StackSettings)


def test_a_gpu_does_not_round_what_was_proved_in_float32() -> None:
    assert all_services()["triton-gpu"]["environment"]["NVIDIA_TF32_OVERRIDE"] == "0"


def test_the_triton_release_is_named_once() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    recipes = "".join(path.read_text() for path in (ROOT / "deploy").glob("*.Dockerfile"))
    assert len(re.findall(r"\d\d\.\d\d-py3", text)) == 1
    assert "-py3" not in recipes
    images = {all_services()[name]["image"] for name in ("triton", "triton-gpu")}
    images |= {
        all_services()[name]["build"]["args"]["TRITON_IMAGE"] for name in ("export", "export-gpu")
    }
    assert len(images) == 1


@each()
def test_every_image_has_an_exact_version(name: str) -> None:
    service = all_services()[name]
    if service["image"] in OURS:
        assert service["build"]["dockerfile"].startswith("deploy/")
    else:
        assert re.fullmatch(r"\S+:v?\d+\.\d+(\.\d+)?(-\w+)?", service["image"])


@each()
def test_every_service_is_bounded(name: str) -> None:
    service = all_services()[name]
    assert int(service["mem_limit"]) > 0 and service["pids_limit"] > 0
    assert service["security_opt"] == ["no-new-privileges:true"]


@each()
def test_a_service_that_ends_comes_back(name: str) -> None:
    policy = all_services()[name]["restart"]
    assert (policy == "unless-stopped") == (name not in ONE_SHOT)


@each()
def test_what_serves_tells_whether_it_is_well(name: str) -> None:
    # The gateway's is that of its image; a worker of Locust listens on nothing.
    if name in ONE_SHOT | {"gateway", "loadtest-worker"}:
        return
    assert all_services()[name]["healthcheck"]["test"][0].startswith("CMD")


@each()
def test_no_secret_is_in_an_environment(name: str) -> None:
    for variable, value in all_services()[name].get("environment", {}).items():
        if re.search("PASSWORD|URL|TOKEN|KEY", variable) and variable != "CONCH_TRITON_URLS":
            assert variable.endswith("_FILE") and value.startswith("/run/conch/")


def test_the_gateway_has_no_rights() -> None:
    gateway = services()["gateway"]
    assert gateway["read_only"] is True and gateway["cap_drop"] == ["ALL"]
    assert "USER 10001" in (ROOT / "deploy" / "gateway.Dockerfile").read_text()


def test_the_exporters_can_make_a_version_beside_the_repository_that_triton_reads() -> None:
    for name in ("export", "export-gpu"):
        repository = Path(all_services()[name]["environment"]["CONCH_MODEL_REPOSITORY"])
        (mount,) = all_services()[name]["volumes"]
        assert str(staging_root(repository).parent) == mount["target"]
        (read,) = all_services()["triton"]["volumes"]
        assert Path(mount["source"]) / repository.name == Path(read["source"])


def commands() -> Iterator[list[str]]:
    """Every `conch` command line that compose runs, by itself or in a script."""
    for service in all_services().values():
        if (service.get("command") or [""])[0] == "conch":
            yield service["command"]
    script = (ROOT / "deploy" / "first_key.sh").read_text()
    for line in re.findall(r"^make \S+ (conch .*)$", script, re.MULTILINE):
        yield shlex.split(line)


@pytest.mark.parametrize("arguments", list(commands()), ids=" ".join)
def test_our_own_command_line_takes_what_is_run(arguments: list[str]) -> None:
    program, *rest = arguments
    assert program == "conch"
    parse(rest)


def test_our_own_command_line_takes_what_the_images_run() -> None:
    for path in (ROOT / "deploy").glob("*.Dockerfile"):
        (command,) = re.findall(r"^CMD \[\"conch\", (.*)\]$", path.read_text(), re.MULTILINE)
        parse(re.findall(r'"([^"]*)"', command))


def parse(arguments: list[str]) -> None:
    """As the command would, without running it."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
    command.make_context(command.name, arguments)


def test_the_builder_is_sent_what_the_images_are_made_of_and_no_environment() -> None:
    recipes = "\n".join(path.read_text() for path in (ROOT / "deploy").glob("*.Dockerfile"))
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)", recipes, re.MULTILINE)
        for source in line.split()[:-1]
    }
    ignored = set((ROOT / ".dockerignore").read_text().splitlines())
    assert {".git", ".venv", ".conch", "model_repository/*/[0-9]*"} <= ignored
    assert copied and all((ROOT / source).exists() for source in copied)
    assert not copied & ignored
