from pathlib import Path

import pytest

from exporters.declaring.import_path import load_object, load_spec
from exporters.errors import SpecError

DECLARES = """
from exporters.spec import ModelSpec, TensorSpec

def build(): ...

spec = ModelSpec(name="found", build=build, max_batch_size=1, samples=())
def make(): return spec
number = 5
def broken(): return 1 / 0
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/elsewhere"])
    return tmp_path


def write(folder: Path, name: str, text: str = DECLARES) -> None:
    (folder / f"{name}.py").write_text(text)


def test_a_spec_in_the_working_directory_is_found(here: Path) -> None:
    write(here, "declared_here")
    assert load_spec("declared_here:spec").name == "found"


def test_a_function_that_returns_a_spec_is_called(here: Path) -> None:
    write(here, "declared_in_function")
    assert load_spec("declared_in_function:make").name == "found"


def test_a_file_is_imported_with_the_files_beside_it(here: Path) -> None:
    folder = here / "apart"
    folder.mkdir()
    write(folder, "beside_it")
    write(folder, "declares", "from beside_it import spec")
    assert load_spec("apart/declares.py:spec").name == "found"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_colon_here", "names nothing that can be imported. Write the module"),
        ("no_such_module:spec", "There is no module 'no_such_module'"),
        ("absent.py:spec", "There is no file .*absent.py"),
        ("wrong:spce", "'wrong' has no 'spce'. Close to it: spec."),
        ("wrong:number", "is int, where a ModelSpec is needed"),
        ("wrong:ModelSpec", "is the class ModelSpec, where a ModelSpec is needed"),
        ("wrong:broken", r"ZeroDivisionError: division by zero \(.*wrong.py, line 9\)"),
    ],
)
def test_what_cannot_be_found_is_named(here: Path, target: str, message: str) -> None:
    write(here, "wrong")
    with pytest.raises(SpecError, match=message):
        load_spec(target)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "fails",
            "x = 1\nraise KeyError('weights')",
            r"KeyError: 'weights' \(.*fails.py, line 2\)",
        ),
        ("misspelt", "def f(:\n", r"SyntaxError: invalid syntax.* \(.*misspelt.py, line 1\)"),
        ("needs", "import no_such_package", r"No module named 'no_such_package' \(.*needs.py"),
    ],
)
def test_an_exception_while_importing_is_one_sentence_with_its_line(
    here: Path, name: str, text: str, message: str
) -> None:
    write(here, name, text)
    for target in (f"{name}:spec", f"{name}.py:spec"):
        with pytest.raises(SpecError, match=f"cannot be imported: .*{message}"):
            load_object(target)


def test_a_field_that_is_wrong_is_named(here: Path) -> None:
    (here / "mistaken.py").write_text(
        "from exporters.spec import ModelSpec\n"
        "spec = ModelSpec(name='net', build=print, samples=(), max_batch_size=-1)\n"
    )
    with pytest.raises(SpecError, match=r"max_batch_size: Input should be .+mistaken\.py, line 2"):
        load_spec("mistaken:spec")
