import pytest

from exporters.errors import UnknownFormatError
from exporters.formats import Format, format_names, load_format


@pytest.mark.parametrize("name", format_names())
def test_every_format_offers_the_whole_interface(name: str) -> None:
    format = load_format(name)
    wanted = {*Format.__annotations__, "compile", "load", "versions"}
    assert wanted <= set(vars(format))


def test_an_unknown_format_is_refused_with_those_known() -> None:
    known = r"'pickle'; choose one of .*onnx, tensorrt, torchscript"
    with pytest.raises(UnknownFormatError, match=known):
        load_format("pickle")
