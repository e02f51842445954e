"""What is asked of Triton, and how its answers are told."""

from pathlib import Path

from stack.triton_models import (
    BrokenModel,
    load_report,
    loadable_models,
    plain_reason,
    unsafe_names,
)


def test_folders_with_a_configuration_and_a_version_are_loaded(tmp_path: Path) -> None:
    for name in ("whole/1", "embedded/3", "embedded/configs", "no_version/01", "no_config/1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".staged/1").mkdir(parents=True)
    for name in ("whole", "no_version", ".staged"):
        (tmp_path / name / "config.pbtxt").touch()
    (tmp_path / "embedded/configs/embedded.pbtxt").touch()
    (tmp_path / "README.md").touch()
    assert loadable_models(tmp_path) == ["embedded", "whole"]


def test_every_model_asked_for_is_in_the_report() -> None:
    index = [
        {"name": "good", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"},
        {"name": "good", "version": "2", "state": "READY"},
        {"name": "bad", "version": "1", "state": "UNAVAILABLE", "reason": "Internal: no file"},
        {"name": "odd"},
        {"name": "pair"},
        {"name": "not asked for"},
    ]
    log = "E1 1 m.cc:1] \"Poll failed for model directory 'odd': unexpected platform\"\n"
    log += "E1 1 m.cc:7] \"Invalid argument: ensemble 'pair' depends on 'bad' which has no loaded "
    log += "version. Model 'bad' loading failed\"\n"
    report = load_report(["bad", "good", "gone", "odd", "pair"], index, log)
    assert report.ready == ("good",)
    assert report.broken == (
        BrokenModel("bad", "no file"),
        BrokenModel("gone", "Triton gave no reason"),
        BrokenModel("odd", "unexpected platform"),
        BrokenModel("pair", "depends on 'bad' which has no loaded version"),
    )


def test_a_reason_is_one_line_without_traceback() -> None:
    reason = "Internal: BackendError: two\nlines\n\nAt:\n  /x/model.py(8): initialize\n"
    assert plain_reason(reason) == "two lines"


def test_a_crashed_process_is_said_in_plain_words() -> None:
    reason = "Internal: Stub process 'odd_0_0' is not healthy."
    assert plain_reason(reason) == "the process that runs it crashed; Triton's log has its words"


def test_a_model_that_crashes_triton_has_the_reason_that_was_found() -> None:
    report = load_report(["bad"], [{"name": "bad"}], "", {"bad": "Triton ended"})
    assert report.broken == (BrokenModel("bad", "Triton ended"),)


def test_a_name_that_a_shell_would_split_is_told_apart(tmp_path: Path) -> None:
    for name in ("fine", "not fine", "quo'te", ".hidden"):
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "config.pbtxt").write_text("")
    assert loadable_models(tmp_path) == ["fine"]
    assert unsafe_names(tmp_path) == ["not fine", "quo'te"]
