"""What the first start makes: a demo key once, and examples from our own code."""

import asyncio
from pathlib import Path

import pytest

from exporters.repository import published_versions
from gateway.records.migrate import migrate
from stack.first_start import demo_key, export_missing
from stack.settings import StackSettings


def test_a_demo_key_is_made_only_while_there_is_no_key(tmp_path: Path) -> None:
    settings = StackSettings(state_dir=tmp_path, _env_file=None)

    async def starts() -> list[str | None]:
        await migrate(settings.records_url)
        return [await demo_key(settings), await demo_key(settings)]

    first, second = asyncio.run(starts())
    assert first is not None
    assert first.startswith("ck_")
    assert second is None


def test_a_stack_of_the_working_directory_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stack.py").write_text("raise SystemExit('not ours')")
    (tmp_path / "models" / "mnist_mlp").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    export_missing(tmp_path / "models")
    assert published_versions(tmp_path / "models", "mnist_mlp") == [1]
