"""The page of a run: whole, self-contained, and safe whatever the names in it are."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from loadtest.report.page import page
from loadtest.results import Bottleneck, Breakdown, Run
from tests.loadtest.some_steps import a_run, a_step, a_window

PARTS = Breakdown(generator_ms=0.1, network_ms=1, gateway_ms=0.4, queue_ms=2, compute_ms=1.5)
NASTY = "<script>alert('1')</script> & \"more\""


class _Tags(HTMLParser):
    """Collects tags and attributes; fails where a tag is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags(text: str) -> _Tags:
    parser = _Tags()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture
def run() -> Run:
    split = a_step(breakdown=PARTS, bottleneck=Bottleneck.QUEUE, bottleneck_reason="it waited")
    return a_run(split, a_step(label="200/s", invalid=["Triton was restarted"]))


def test_every_part_of_a_run_is_on_the_page(run: Run) -> None:
    text = page(run)
    assert re.findall("<h2>(.*?)</h2>", text) == [
        "Some steps are invalid: their figures must not be used",
        "Latency over throughput",
        "Steps",
        "Why it stops there",
        "Where the time goes",
        "Batch sizes of digits",
        "Second by second",
        "Where and against what",
    ]
    assert text.count("<svg") == 4


def test_the_page_loads_nothing_and_runs_nothing(run: Run) -> None:
    found = tags(page(run))
    assert not {"script", "link", "img", "iframe", "object"} & set(found.seen)
    assert not {"src", "href", "srcset"} & {name for name, _ in found.attributes}
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert "url(" not in page(run)


@pytest.mark.parametrize("part", ["label", "plan", "model", "option", "answer", "reason", "note"])
def test_names_are_text_and_never_markup(part: str) -> None:
    def value(name: str) -> str:
        return NASTY if name == part else "plain"

    step = a_step(
        label=value("label"),
        breakdown=PARTS,
        invalid=[value("reason")],
        notes=[value("note")],
        bottleneck_reason=value("reason"),
    )
    run = a_run(
        step,
        plan=value("plan"),
        models={value("model"): "8c0ffee"},
        options={value("option"): value("option")},
        answer={value("answer"): value("answer")},
    )
    text = page(run)
    assert "script" not in tags(text).seen
    assert "&lt;script&gt;" in text


def test_a_run_that_is_invalid_says_so_first(run: Run) -> None:
    text = page(a_run(*run.steps, invalid=["steady state never came"]))
    banner = re.search(r'role="alert">.*?</section>', text)
    assert banner is not None
    assert "Invalid: the figures of this run must not be used" in banner[0]
    assert "<li>steady state never came</li><li>200/s: Triton was restarted</li>" in banner[0]


def test_a_sound_run_has_no_banner() -> None:
    assert 'role="alert"' not in page(a_run())


def test_an_answer_is_told_before_all_figures() -> None:
    text = page(a_run(answer={"highest_rate": 850.0}))
    assert "<span>highest rate</span><b>850</b>" in text


def test_what_stops_a_search_is_the_first_of_the_reasons(run: Run) -> None:
    answer: dict[str, float | str] = {"bottleneck": "network", "bottleneck_reason": "61% of 4 ms"}
    text = page(a_run(*run.steps, plan="slo", answer=answer))
    first = re.search("<h2>Why it stops there</h2>.*?<tr>(.*?)</tr>", text)
    assert first is not None
    assert '<td>slo</td><td class="words"><span class="badge network">network</span>' in first[1]
    assert '<td class="long">61% of 4 ms</td>' in first[1]


def test_a_plan_that_was_asked_nothing_tells_its_best_step(run: Run) -> None:
    assert "<span>most answers a second</span><b>100</b>" in page(run)


def test_a_percentile_stands_beside_its_number_of_samples(run: Run) -> None:
    rows = re.findall("<tr>.*?</tr>", page(run))
    row = next(row for row in rows if "100/s" in row)
    assert "<td>1,000</td>" in row
    assert "<td>\N{EN DASH}</td>" in row


def test_a_run_without_any_answer_still_has_a_page() -> None:
    nothing = a_step(windows=[a_window(0, answered=0, errors={"refused": 100})], models={})
    text = page(a_run(nothing))
    tags(text)
    assert "Latency over throughput" not in text
    assert "Second by second" in text


def test_a_run_without_steps_still_has_a_page() -> None:
    tags(page(msgspec.structs.replace(a_run(), steps=[])))


def test_an_answer_of_many_words_is_no_tile() -> None:
    reason = "the instances of digits executed 96% of the time, and that is all they can"
    text = page(a_run(answer={"stopped_by": reason}))
    assert f"<li>stopped by: {reason}</li>" in text
    assert 'class="tile"' not in text
