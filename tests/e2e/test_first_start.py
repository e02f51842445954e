"""The first start of a stack, and the one after a first start that failed."""

from pathlib import Path

from tests.e2e.running_stack import RunningStack


def test_the_demo_key_is_not_lost_with_a_start_that_fails(tmp_path: Path) -> None:
    (tmp_path / "model_repository").mkdir()
    mine = RunningStack(tmp_path)
    # No such host: the gateway cannot listen there.
    failed = mine.conch("up", CONCH_HOST="nowhere.invalid")
    assert failed.returncode == 1
    assert "nowhere.invalid" in failed.stderr
    mine.start()
    assert mine.stop() == 0
    assert "Demo key, shown only now: ck_" in mine.output
