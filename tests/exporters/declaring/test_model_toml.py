from pathlib import Path

import pytest

from exporters.declaring.model_toml import read_model_toml
from exporters.declaring.sample_files import AnswerFile, SampleFiles
from exporters.errors import SpecError
from exporters.options import Profile, Range, TensorRTOptions
from exporters.spec import Axis, Checkpoint, ModelSpec, TensorSpec, Tolerance

LEAST = """
[model]
name = "net"
module = "my_pkg.nets:Net"
weights = "weights.pt"
max_batch_size = 8
samples = "samples.npz"
"""
WHOLE = """
[model]
name = "words"
module = "nets/net.py:Net"
arguments = {width = 32, layers = [1, 2]}
weights = "weights.safetensors"
max_batch_size = 8
samples = "samples/*.npz"
answers = "answers.txt"
max_accuracy_drop = 0.02
torchscript = "script"
batching_delay_us = 500
queue_size = 64
queue_timeout_us = 1_000_000
instance_count = 2
warmup_runs = 1
response_cache = true
versions_served = 2

[[inputs]]
name = "ids"
dtype = "int64"
shape = [{axis = "length", min = 2, max = 512}]

[[inputs]]
name = "mask"
dtype = "bool"
shape = [{axis = "length"}, 4]

[[outputs]]
name = "classes"
dtype = "float32"
shape = [2]
labels_file = "labels.txt"
tolerance = {absolute = 1e-3, relative = 1e-2}

[[outputs]]
name = "score"
dtype = "float32"
shape = []
labels = ["score"]
tolerance = [1, 0.5]

[tensorrt]
builder_level = 4

[[tensorrt.profiles]]
batch = {min = 1, opt = 4, max = 8}
axes = {length = {min = 2, opt = 64, max = 512}}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "model.toml"
    path.write_text(text)
    return path


def test_a_file_and_python_declare_the_same(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("good\nbad\n")
    length = Axis(name="length", min=2, max=512)
    inputs = (
        TensorSpec(name="ids", dtype="int64", shape=(length,)),
        TensorSpec(name="mask", dtype="bool", shape=(length, 4)),
    )
    assert read_model_toml(write(tmp_path, WHOLE)) == ModelSpec(
        name="words",
        build=Checkpoint(
            module=f"{tmp_path}/nets/net.py:Net",
            arguments={"width": 32, "layers": [1, 2]},
            weights=tmp_path / "weights.safetensors",
        ),
        inputs=inputs,
        outputs=(
            TensorSpec(
                name="classes",
                dtype="float32",
                shape=(2,),
                labels=("good", "bad"),
                tolerance=Tolerance(1e-3, 1e-2),
            ),
            TensorSpec(
                name="score",
                dtype="float32",
                shape=(),
                labels=("score",),
                tolerance=Tolerance(1, 0.5),
            ),
        ),
        max_batch_size=8,
        samples=SampleFiles(tmp_path / "samples/*.npz", inputs),
        answers=AnswerFile(tmp_path / "answers.txt"),
        max_accuracy_drop=0.02,
        torchscript="script",
        batching_delay_us=500,
        queue_size=64,
        queue_timeout_us=1_000_000,
        instance_count=2,
        warmup_runs=1,
        response_cache=True,
        versions_served=2,
        tensorrt=TensorRTOptions(
            builder_level=4,
            profiles=(
                Profile(
                    batch=Range(min=1, opt=4, max=8),
                    axes={"length": Range(min=2, opt=64, max=512)},
                ),
            ),
        ),
    )


def test_every_field_of_a_spec_can_be_written(tmp_path: Path) -> None:
    whole = WHOLE.replace('labels_file = "labels.txt"\n', "")
    given = read_model_toml(write(tmp_path, whole)).model_fields_set
    assert given == set(ModelSpec.model_fields)


def test_inputs_and_outputs_may_be_left_out(tmp_path: Path) -> None:
    spec = read_model_toml(write(tmp_path, LEAST))
    assert (spec.inputs, spec.outputs) == ((), ())


X = '[[inputs]]\nname = "x"\ndtype = "float32"\n'
Y = '[[outputs]]\nname = "y"\ndtype = "float32"\nshape = [2]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model", "is not TOML: "),
        ("[modle]", r"the file has the unknown key 'modle'; meant is perhaps model"),
        ("", r"it has no table \[model\]"),
        (
            "[model]\nname = 'x'",
            "has no module and no weights and no max_batch_size and no samples",
        ),
        (LEAST + "max_bach_size = 4", r"\[model\] has the unknown key 'max_bach_size'; meant is"),
        (LEAST + "instance_count = 0", r"has instance_count = 0: Input should be greater than"),
        (LEAST + "torchscript = 'jit'", "has torchscript = 'jit': Input should be 'trace' or"),
        (LEAST + "answers = 5", "answers is 5; write a path in quotes"),
        (LEAST.replace('"net"', '"a/b"'), "Model name 'a/b' cannot be served"),
        (LEAST + "inputs = 3", "has the unknown key 'inputs'"),
        (LEAST + "[inputs]\nname = 'x'", r"inputs is no list of tables; write \[\[inputs\]\]"),
        (LEAST + X, r"\[\[inputs\]\] 'x' has no shape"),
        (LEAST + X + "shape = [0]", "must have dimensions of at least 1"),
        (LEAST + X + "shape = 3", "has shape = 3; write a list"),
        (LEAST + Y + "labels = 'ab'", r"\[\[outputs\]\] 'y' has labels = 'ab'; write a list"),
        (LEAST + X + 'shape = ["n"]', "has shape = 'n'"),
        (LEAST + X + 'shape = [{axis = "n"}]', "Write its name and bounds"),
        (LEAST + X + 'shape = [{axis = "n", mx = 3}]', "unknown key 'mx'; meant is perhaps max"),
        (LEAST + X + 'shape = [{axis = "n", min = 3, max = 2}]', "goes from 3 to 2"),
        (LEAST + X + "shape = [2]\nlabels = ['a']", "unknown key 'labels'"),
        (LEAST + Y + "labels = ['a']\nlabels_file = 'b'", "labels and labels_file; keep one"),
        (LEAST + Y + "labels_file = 'absent.txt'", "labels in .*absent.txt cannot be read"),
        (LEAST + Y + "tolerance = 1", r"has the tolerance 1; write \{absolute"),
        (LEAST + Y + "tolerance = {absolut = 1}", "unknown key 'absolut'"),
        (LEAST + Y + Y, "names y more than once"),
        (
            LEAST + "[tensorrt]\nworkspace = 5",
            "unknown key 'workspace'; meant is perhaps workspace",
        ),
        (LEAST + "[tensorrt]\nbuilder_level = 9", r"\[tensorrt\] has builder_level = 9"),
        (LEAST + "[[tensorrt.profiles]]\nbatch = {mni = 1}", "unknown key 'mni'"),
        (LEAST + "[[tensorrt.profiles]]\naxes = 5", "has 5 where a table is needed"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_table(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SpecError, match=message) as refused:
        read_model_toml(path)
    assert str(refused.value).startswith(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"There is no file .*absent\.toml"):
        read_model_toml(tmp_path / "absent.toml")
