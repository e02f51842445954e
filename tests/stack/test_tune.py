"""`conch tune` with a real embedded Triton: short loads, so its figures decide nothing here."""

import json
import signal
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy
import pytest

from exporters.manifest import Manifest, record_files, write_manifest
from exporters.publishing.verify import verify_files
from exporters.publishing.versions import served_versions, version_before
from exporters.repository import serve
from stack.errors import TuningError
from stack.settings import StackSettings
from stack.trial import CONCH, TrialStack
from stack.tuning.bodies import Bodies
from stack.tuning.configuration import configuration_of
from stack.tuning.publishing import publish_tuned, require_unchanged
from stack.tuning.same_answers import check_answers
from stack.tuning.trial_server import SHIPPED, TrialServer, trial_server
from stack.tuning.values import Values
from tests.stack.factor_models import publish_factor, write_factor
from tests.stack.running_triton import triton_settings
from tests.waiting import wait_until

QUICK = ("--seconds", "0.1", "--users", "2", "--tries", "2", "--rounds", "3")
"""Two trials and three rounds, in a few seconds."""
OTHER = Values(instances=2, queue_delay_us=100, max_batch=8, preferred_batch=4, threads=1)


@pytest.fixture
def stack(tmp_path: Path) -> TrialStack:
    """Nothing runs; one model is there."""
    publish_factor(tmp_path / "model_repository", "small", 2)
    return TrialStack(tmp_path)


def settings_of(stack: TrialStack) -> StackSettings:
    return triton_settings(stack.folder / "model_repository", stack.state_dir)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_trial_model_has_other_values_and_its_answers_are_compared(stack: TrialStack) -> None:
    before = contents(stack.folder / "model_repository")
    with trial_server(settings_of(stack), "small", 1) as server:
        server.load("trial_1", OTHER)
        assert served_values(server, "trial_1") == (2, 100, [4], "1")
        bodies = Bodies(server.metadata())
        asked = [*bodies.of(1), *bodies.of(8)]
        assert check_answers(server.url, SHIPPED, "trial_1", asked, {}) == 0
        server.unload("trial_1")
        # The trial's folder leads to the version's own files.
        artefact = stack.folder / "model_repository" / "small" / "1" / "model.onnx"
        kept = artefact.read_bytes()
        write_factor(artefact.parent, 3)
        server.load("trial_2", OTHER)
        artefact.write_bytes(kept)
        with pytest.raises(TuningError, match=r"the answers in 'y' are .* apart"):
            check_answers(server.url, SHIPPED, "trial_2", bodies.of(1), {})
        with pytest.raises(TuningError, match="Another `conch tune` runs"):
            trial_server(settings_of(stack), "small", 1).__enter__()
    assert contents(stack.folder / "model_repository") == before
    assert not (stack.state_dir / "tuning" / "models").exists()


def served_values(server: TrialServer, name: str) -> tuple[int, int, list[int], str]:
    config = server.config(name)
    batching = config["dynamic_batching"]
    return (
        config["instance_group"][0]["count"],
        batching["max_queue_delay_microseconds"],
        batching["preferred_batch_size"],
        config["parameters"]["INTRA_OP_THREAD_COUNT"]["string_value"],
    )


def test_tuned_values_are_a_version_that_the_way_back_leads_from(tmp_path: Path) -> None:
    publish_factor(tmp_path, "small", 2)
    own = tmp_path / "small" / "1" / "config" / "config.pbtxt"
    own.write_text(own.read_text() + "version_policy { latest { num_versions: 2 } }\n")
    serve(tmp_path, "small", 1)
    write_manifest(tmp_path / "small" / "1", manifest_of(tmp_path / "small" / "1"))
    before = configuration_of(tmp_path / "small", embedded=True).values
    chosen = Values(2, 0, before.max_batch, 0, 1)
    assert publish_tuned(tmp_path, "small", 1, chosen, embedded=True, evidence={"gain": [2]}) == 2
    assert "latest" in (tmp_path / "small" / "2" / "config" / "config.pbtxt").read_text()
    # A model that is served waits for a server to load it.
    assert served_versions(tmp_path, "small") == [1]
    serve(tmp_path, "small", 2)
    assert configuration_of(tmp_path / "small", embedded=True).values == chosen
    # What the container reads was not measured, and stays.
    assert configuration_of(tmp_path / "small", embedded=False).values == before
    one, two = (contents(tmp_path / "small" / version) for version in "12")
    assert one["model.onnx"] == two["model.onnx"]
    assert json.loads(two["manifest.json"])["details"]["tuning"]["from_version"] == 1
    assert all(finding.ok for finding in verify_files(tmp_path, "small", 2))
    assert version_before(tmp_path, "small") == 1
    serve(tmp_path, "small", 1)
    assert configuration_of(tmp_path / "small", embedded=True).values == before


def manifest_of(version: Path) -> Manifest:
    """As an export writes it, as far as it is looked at."""
    artefact = [file for file in record_files(version, "model.onnx") if "/" not in file.path]
    return Manifest(
        model="small",
        format="onnx",
        precision="fp32",
        files=tuple(artefact),
        inputs=(),
        outputs=(),
        max_batch_size=8,
        versions={},
        proof=(),
        stage_seconds={},
        created=datetime.now(UTC),
    )


def test_what_was_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    publish_factor(tmp_path, "small", 2)
    measured = configuration_of(tmp_path / "small", embedded=True)
    require_unchanged(tmp_path, "small", 1, measured)
    publish_factor(tmp_path, "small", 3)
    with pytest.raises(TuningError, match="it serves version 2 now"):
        require_unchanged(tmp_path, "small", 1, measured)


def test_a_delay_that_only_costs_is_found_and_can_be_taken_back(tmp_path: Path) -> None:
    stack = TrialStack(tmp_path)
    repository = tmp_path / "model_repository"
    publish_factor(repository, "small", 2)
    shipped = configuration_of(repository / "small", embedded=True)
    slow = replace(shipped.values, queue_delay_us=50_000)
    for folder in (repository / "small", repository / "small" / "1" / "config"):
        (folder / "configs" / "embedded.pbtxt").write_text(shipped.with_values(slow).text)
    # Two users never fill the batch of eight, so each waits for nothing.
    done = stack.conch(
        *("tune", "small", "--users", "2", "--seconds", "0.4", "--tries", "2", "--rounds", "3"),
        *("--queue-delay", "0us", "--instances", "1", "--threads", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert "small serves version 2 from the next start on. The way back:" in done.stdout
    assert configuration_of(repository / "small", embedded=True).values.queue_delay_us == 0
    serve(repository, "small", version_before(repository, "small"))
    assert configuration_of(repository / "small", embedded=True).values == slow


def test_a_dry_run_shows_the_front_and_writes_nothing(stack: TrialStack, tmp_path: Path) -> None:
    before = contents(stack.folder / "model_repository")
    numpy.savez(tmp_path / "samples.npz", x=numpy.ones((3, 2), "float32"))
    done = stack.conch(
        *("tune", "small", *QUICK, "--dry-run", "--json"),
        *("--samples", str(tmp_path / "samples.npz"), "--picture", str(tmp_path / "front.png")),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["version"] is None
    assert found["shipped"]["instances"] == 1
    assert any(point["on_front"] for point in found["points"])
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "shipped against itself" in done.stderr
    assert contents(stack.folder / "model_repository") == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_ends_it_early_leaves_everything_as_it_was(
    stack: TrialStack, number: signal.Signals
) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored here")
    before = contents(stack.folder / "model_repository")
    log = stack.folder / "tune.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [CONCH, "tune", "small", "--seconds", "0.2"],
            env=stack.environment,
            stdout=file,
            stderr=file,
        )
    try:
        wait_until(lambda: "against itself" in log.read_text(), 90, "no turn was taken")
        process.send_signal(number)
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()
    assert contents(stack.folder / "model_repository") == before
    assert not list((stack.state_dir / "tuning" / "processes").glob("*.json"))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--instances", "4:1"), "--instances is '4:1'"),
        (("--queue-delay", "5"), "--queue-delay is '5'; write it as 0us:5ms"),
        (("--p99", "20"), "--p99 is '20'; write it as 20ms"),
        (("--max-batch", "8:64"), "was proven up to 8"),
    ],
)
def test_flags_that_cannot_be_are_refused_at_once(
    stack: TrialStack, flags: tuple[str, ...], said: str
) -> None:
    done = stack.conch("tune", "small", *flags)
    assert done.returncode == 2
    assert said in done.stderr
