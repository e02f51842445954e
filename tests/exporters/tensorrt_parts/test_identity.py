from dataclasses import asdict, replace

import pytest

from exporters.errors import PublishError
from exporters.tensorrt_parts.identity import (
    EngineIdentity,
    TargetServer,
    check_target,
    target_of_release,
    this_platform,
)

ENGINE = EngineIdentity("tensorrt", "11.1.0.106", "9.0", "linux-x86_64")
SAME = TargetServer("11.1.0.106", "9.0", "linux-x86_64")


def check(engine: EngineIdentity, target: TargetServer) -> None:
    check_target({"engine": asdict(engine)}, target)


def test_the_server_that_equals_the_builder_is_taken() -> None:
    check(ENGINE, SAME)


def test_what_is_unknown_of_a_server_is_not_compared() -> None:
    check(ENGINE, TargetServer())


def test_the_fourth_part_of_the_version_counts() -> None:
    with pytest.raises(PublishError, match=r"11\.1\.0\.106 and the server has 11\.1\.0\.107"):
        check(ENGINE, replace(SAME, tensorrt="11.1.0.107"))


def test_another_gpu_is_refused_with_both_capabilities() -> None:
    with pytest.raises(PublishError, match=r"capability 9\.0 and the server's GPU has 8\.6"):
        check(ENGINE, replace(SAME, compute_capability="8.6"))


def test_another_platform_is_refused_with_both() -> None:
    with pytest.raises(PublishError, match="linux-x86_64 and the server runs on linux-aarch64"):
        check(ENGINE, replace(SAME, platform="linux-aarch64"))


def test_a_hardware_compatible_engine_moves_to_ampere_and_later() -> None:
    check(replace(ENGINE, hardware_compatible=True), replace(SAME, compute_capability="8.6"))


def test_a_hardware_compatible_engine_does_not_move_to_turing() -> None:
    with pytest.raises(PublishError, match=r"has 7\.5"):
        check(replace(ENGINE, hardware_compatible=True), replace(SAME, compute_capability="7.5"))


@pytest.mark.parametrize(
    ("built", "running"), [("11.1.0.106", "11.4.0.106"), ("10.16.0.72", "11.1.0.106")]
)
def test_a_version_compatible_engine_moves_forward(built: str, running: str) -> None:
    engine = replace(ENGINE, tensorrt=built, version_compatible=True)
    check(engine, replace(SAME, tensorrt=running, version_compatible=True))


@pytest.mark.parametrize(
    ("built", "running"), [("11.4.0.106", "11.1.0.106"), ("11.0.0.114", "10.16.0.72")]
)
def test_a_version_compatible_engine_never_moves_back(built: str, running: str) -> None:
    engine = replace(ENGINE, tensorrt=built, version_compatible=True)
    with pytest.raises(PublishError, match="later versions only"):
        check(engine, replace(SAME, tensorrt=running, version_compatible=True))


def test_a_server_that_takes_no_version_compatible_engine_is_named_with_its_flag() -> None:
    engine = replace(ENGINE, version_compatible=True)
    with pytest.raises(PublishError, match="version-compatible=true"):
        check(engine, replace(SAME, tensorrt="11.4.0.106"))


def test_an_rtx_engine_is_for_no_server() -> None:
    with pytest.raises(PublishError, match="no Triton backend loads"):
        check(replace(ENGINE, flavor="rtx", compute_capability=None), TargetServer())


def test_an_engine_without_weights_is_for_no_server() -> None:
    with pytest.raises(PublishError, match="Triton puts none into it"):
        check(replace(ENGINE, stripped=True), SAME)


def test_a_release_names_its_tensorrt_where_it_is_known() -> None:
    assert target_of_release("26.07").tensorrt == "11.1.0.106"
    assert target_of_release("26.11").tensorrt is None


def test_the_platform_names_system_and_processor() -> None:
    assert this_platform().startswith("linux-")
