"""The pictures as files."""

from pathlib import Path

from PIL import Image

from loadtest.report.plots import write_plots
from loadtest.results import Breakdown
from tests.loadtest.some_steps import a_run, a_step, a_window, some_counts

PARTS = Breakdown(generator_ms=0.1, network_ms=1, gateway_ms=0.4, queue_ms=2, compute_ms=1.5)


def test_each_picture_is_a_png_that_can_be_opened(tmp_path: Path) -> None:
    models = {"digits": some_counts(100), "team/page": some_counts(100)}
    far_apart = [a_window(n, service_ms=4.0**n, errors={"timeout": n}) for n in range(6)]
    write_plots(tmp_path, a_run(a_step(breakdown=PARTS, models=models, windows=far_apart)))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        *("batches-digits.png", "batches-team_page.png"),
        *("breakdown.png", "curve.png", "timeline.png"),
    ]
    for name in names:
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 200


def test_what_has_no_figures_has_no_picture(tmp_path: Path) -> None:
    write_plots(tmp_path, a_run(a_step(windows=[], models={})))
    assert list(tmp_path.iterdir()) == []
