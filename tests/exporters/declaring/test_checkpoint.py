import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from exporters.declaring.checkpoint import build_module
from exporters.errors import SpecError
from exporters.spec import Checkpoint, ModelSpec
from tests.exporters.models import spec_of

NET = "tests.exporters.declaring.test_checkpoint:Net"


class Net(nn.Module):
    def __init__(self, width: int = 3, *, counts: bool = False) -> None:
        super().__init__()
        self.layer = nn.Linear(4, width)
        if counts:
            self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = Net()


def build(weights: Path, module: str = NET, **arguments: object) -> nn.Module:
    checkpoint = Checkpoint(module=module, arguments=arguments, weights=weights)
    return build_module(ModelSpec(name="net", build=checkpoint, max_batch_size=1, samples=()))


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_of_either_kind_fill_the_module(tmp_path: Path, suffix: str) -> None:
    trained, path = Net(width=5), tmp_path / f"weights{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(trained.state_dict(), path)
    built = build(path, width=5)
    assert torch.equal(built.state_dict()["layer.weight"], trained.layer.weight)


def test_a_relative_path_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(Net().state_dict(), tmp_path / "weights.pt")
    monkeypatch.chdir(tmp_path)
    assert isinstance(build(Path("weights.pt")), Net)


def test_keys_that_differ_are_named_and_counted(tmp_path: Path) -> None:
    state = Net(width=2).state_dict()
    state["other.a"] = state.pop("layer.bias")
    with pytest.raises(SpecError) as refused:
        build(saved(state, tmp_path / "weights.pt"))
    assert "1 key is missing in the file: layer.bias" in str(refused.value)
    assert "1 key is unknown to the module: other.a" in str(refused.value)
    assert "layer.weight ([2, 4] in the file, [3, 4] in the module)" in str(refused.value)


def test_a_prefix_that_stands_between_is_said(tmp_path: Path) -> None:
    state = {f"module.{key}": value for key, value in Net().state_dict().items()}
    with pytest.raises(SpecError, match=r"would fit without the prefix 'module\.'"):
        build(saved(state, tmp_path / "weights.pt"))


def test_a_prefix_that_lacks_is_said(tmp_path: Path) -> None:
    path = saved(Net().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(SpecError, match=r"would fit with the prefix 'model\.'"):
        build(path, "tests.exporters.declaring.test_checkpoint:Wrapped")


def test_floats_are_not_cut_to_whole_numbers(tmp_path: Path) -> None:
    state = Net(counts=True).state_dict() | {"steps": torch.tensor(1.5)}
    with pytest.raises(SpecError, match=r"steps \(torch.float32 in the file, torch.int64"):
        build(saved(state, tmp_path / "weights.pt"), counts=True)


def test_a_whole_pickled_module_is_not_executed(tmp_path: Path) -> None:
    path = saved(Net(), tmp_path / "model.pt")
    with pytest.raises(SpecError, match=r"can run any code, so it is not loaded.*state_dict"):
        build(path)


def test_a_pickle_with_code_is_not_executed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "executed",))

    path = tmp_path / "weights.pt"
    torch.save({"layer.weight": Bomb()}, path, pickle_module=pickle)
    with pytest.raises(SpecError, match="not loaded"):
        build(path)
    assert not (tmp_path / "executed").exists()


def test_a_training_checkpoint_says_where_its_weights_are(tmp_path: Path) -> None:
    path = saved({"epoch": 3, "model": Net().state_dict()}, tmp_path / "last.pt")
    with pytest.raises(SpecError, match="weights are in 'model', save that part alone"):
        build(path)


def test_a_torchscript_program_is_not_weights(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with pytest.warns(DeprecationWarning):
        torch.jit.save(torch.jit.script(Net()), path)
    with pytest.raises(SpecError, match=r"TorchScript program, not weights.*conch add"):
        build(path)


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_another_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"not weights at all, but long enough to hold a header")
    with pytest.raises(SpecError, match="weights"):
        build(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"absent\.pt, which is not a file"):
        build(tmp_path / "absent.pt")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("tests.exporters.declaring.test_checkpoint:Nett", "has no 'Nett'. Close to it: Net"),
        ("tests.exporters.declaring.test_checkpoint:NET", "is str; name a class or a function"),
        ("pathlib:Path", "'net' is built as PosixPath"),
    ],
)
def test_what_is_no_module_is_refused(tmp_path: Path, module: str, message: str) -> None:
    path = saved(Net().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(SpecError, match=message):
        build(path, module)


def test_a_constructor_that_fails_is_quoted(tmp_path: Path) -> None:
    path = saved(Net().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(SpecError, match=r"called with \(width='3'\): TypeError: .*line \d+\)"):
        build(path, width="3")


def test_a_module_in_place_of_what_builds_it_is_refused() -> None:
    with pytest.raises(SpecError, match=r"is a module, a Linear, .*build=lambda: model"):
        build_module(spec_of(nn.Linear(4, 3)))
