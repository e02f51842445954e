import sys
from pathlib import Path

import numpy as np
import pytest

from exporters.errors import HostError, ProofError
from exporters.proving.proof_job import Job, load_arrays, save_arrays
from exporters.proving.proof_process import run_artefact, run_to_end
from exporters.spec import TensorSpec
from tests.exporters.models import Doubler, spec_of


def run_python(code: str, folder: Path, *, timeout_s: float = 60) -> None:
    run_to_end([sys.executable, "-c", code], "small", folder, timeout_s=timeout_s)


def dying_of(signal_name: str) -> str:
    return f"import os, signal; os.kill(os.getpid(), signal.{signal_name})"


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGILL"])
def test_a_crash_is_refused_with_the_name_of_its_signal(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProofError, match=f"of 'small' crashed with {name} while it was proved"):
        run_python(dying_of(name), tmp_path)


def test_a_killed_process_is_said_to_be_killed(tmp_path: Path) -> None:
    with pytest.raises(ProofError, match="was killed with SIGKILL, as the kernel does when mem"):
        run_python(dying_of("SIGKILL"), tmp_path)


def test_a_signal_without_a_name_has_its_number(tmp_path: Path) -> None:
    with pytest.raises(ProofError, match="crashed with signal 40 "):
        run_python("import os; os.kill(os.getpid(), 40)", tmp_path)


def test_a_process_that_hangs_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(ProofError, match=r"did not answer within 0\.1 s and was stopped"):
        run_python("import signal; signal.pause()", tmp_path, timeout_s=0.1)


def test_what_the_process_said_last_is_one_line_of_the_error(tmp_path: Path) -> None:
    code = "raise SystemExit('first line\\nterminate called: bad weights.')"
    with pytest.raises(ProofError, match="exit code 1 while it was proved: terminate") as caught:
        run_python(code, tmp_path)
    assert "first line" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_host_that_cannot_run_the_artefact_is_told_from_a_wrong_artefact(tmp_path: Path) -> None:
    artefact = tmp_path / "model.pt"
    artefact.write_bytes(b"of another torch")
    job = Job(
        format="torchscript",
        artefact=artefact,
        interface=spec_of(Doubler).interface,
        questions=0,
        timed=(),
    )
    with pytest.raises(HostError, match=r"cannot read model\.pt"):
        run_artefact(job, [], {}, tmp_path)


def test_arrays_pass_whatever_their_names_are(tmp_path: Path) -> None:
    tensors = [
        TensorSpec(name=name, dtype=dtype, shape=(2,))
        for name, dtype in (("file", "bool"), ("a/b", "int64"), ("INPUT__0", "float16"))
    ]
    arrays = {tensor.name: np.array([0, 1]).astype(tensor.dtype) for tensor in tensors}
    save_arrays(tmp_path / "saved.npz", tensors, arrays)
    read = load_arrays(tmp_path / "saved.npz", tensors)
    assert {name: (array.dtype.name, array.tolist()) for name, array in read.items()} == {
        name: (array.dtype.name, array.tolist()) for name, array in arrays.items()
    }
