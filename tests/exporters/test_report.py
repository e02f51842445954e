import base64
import io
import re

from PIL import Image

from exporters.manifest import Tried
from exporters.report import html_report
from tests.exporters.conftest import ExportedZoo


def page(zoo: ExportedZoo) -> str:
    tried = (
        Tried(format="onnx", precision="fp32", latency_us={"1": 20, "8": 90}, verdict="published"),
        Tried(format="aoti", precision="fp32", verdict="no compiler <here>"),
    )
    histogram = {"probabilities": (5, *[0] * 12)}
    manifest = zoo.published["mnist_cnn"].manifest
    update = {"tried": tried, "error_histogram": histogram}
    return html_report([manifest.model_copy(update=update)])


def test_the_pictures_are_inside_the_page(zoo: ExportedZoo) -> None:
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page(zoo))
    sizes = [Image.open(io.BytesIO(base64.b64decode(data))).size for data in pictures]
    assert [width > 500 for width, _ in sizes] == [True, True]


def test_the_page_needs_nothing_from_outside(zoo: ExportedZoo) -> None:
    assert not re.search(r'(?:src|href)="(?!data:)', page(zoo))


def test_every_format_tried_has_its_verdict(zoo: ExportedZoo) -> None:
    shown = page(zoo)
    assert "<td>published</td>" in shown
    assert "<td>no compiler &lt;here&gt;</td>" in shown


def test_every_comparison_of_the_proof_is_shown(zoo: ExportedZoo) -> None:
    proof = zoo.published["mnist_cnn"].manifest.proof
    assert page(zoo).count("<td>probabilities</td>") == len(proof)
