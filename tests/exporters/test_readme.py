import re
from pathlib import Path

import pytest

from exporters.repository import published_versions

README = Path(__file__).parents[2] / "model_repository" / "README.md"


def test_the_example_of_the_repositorys_readme_exports_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    exec(compile(example[1], str(README), "exec"), {})
    assert published_versions(tmp_path / "model_repository", "halver") == [1]
