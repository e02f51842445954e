import pytest

from exporters.errors import MissingExtraError
from exporters.extras import extra


def test_a_missing_package_is_one_line_with_the_cure() -> None:
    with pytest.raises(MissingExtraError) as caught, extra("export"):
        raise ModuleNotFoundError("No module named 'onnx.checker'", name="onnx.checker")
    assert str(caught.value) == "'onnx' is not installed. Run: pip install \"conch[export]\""


def test_a_missing_module_of_our_own_is_not_blamed_on_an_extra() -> None:
    with pytest.raises(ModuleNotFoundError), extra("export"):
        raise ModuleNotFoundError("No module named 'exporters.gone'", name="exporters.gone")
