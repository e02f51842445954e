"""Prints what the exporters need beside the torch that a container brings, for pip.

python export_requirements.py pyproject.toml
"""

import re
import sys
import tomllib
from pathlib import Path

BROUGHT = {"numpy", "torch"}


def requirements(pyproject: str) -> list[str]:
    """Those of the base install and of the extra `export`, without what the container has.

    >>> requirements('[project]\\ndependencies = ["a>=1"]\\n'
    ...              '[project.optional-dependencies]\\nexport = ["torch==2", "b"]')
    ['a>=1', 'b']
    """
    project = tomllib.loads(pyproject)["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["export"]]
    return [one for one in wanted if re.split(r"[\[<>=!~ ]", one)[0] not in BROUGHT]


if __name__ == "__main__":
    print("\n".join(requirements(Path(sys.argv[1]).read_text())))
