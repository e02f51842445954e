"""Does one thing to copies of a repository, in processes that die at the 1st, 2nd, … n-th step.

    python -m tests.exporters.dying TEMPLATE COPIES ACTION [ARGUMENT...]

A step is any change of the file system; opening a file for writing is two, since a process can
also die after it has emptied the file. Ends when a process got through; `COPIES/n` is what the
n-th left.
"""

import itertools
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporters import repository
from exporters.publishing.staging import staged

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.utime", "os.link", "os.symlink"}
DEAD = 9


def stage(directory: Path, text: str) -> Path:
    """A version and its folder, every file of which says `text`."""
    files = {
        "version/model.pt": text,
        "version/manifest.json": text,
        "folder/labels.txt": text,
        "folder/configs/embedded.pbtxt": config(text),
        "folder/config.pbtxt": config(text),
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return directory


def config(text: str) -> str:
    return f'# {text}\nbackend: "{text}"\nversion_policy {{ latest {{ num_versions: 1 }} }}\n'


def publish_text(models: Path, text: str, *, serve: bool = True) -> int:
    with staged(models, "small") as directory:
        return repository.publish(stage(directory, text), models, "small", serve=serve)


ACTIONS: dict[str, Callable[..., Any]] = {
    "publish": publish_text,
    "publish_unserved": lambda models, text: publish_text(models, text, serve=False),
    "serve": lambda models, version: repository.serve(models, "small", int(version)),
    "keep_serving": lambda models, version: repository.keep_serving(
        models, "small", [int(version)]
    ),
    "prune": lambda models, keep: repository.prune(models, "small", keep=int(keep)),
    "remove": lambda models: repository.remove_model(models, "small"),
    "recover": repository.recover,
}


def main(template: Path, copies: Path, action: str, *arguments: str) -> None:
    for fatal in itertools.count(1):
        copy = copies / str(fatal)
        shutil.copytree(template, copy)
        child = os.fork()
        if child == 0:
            die_at(fatal)
            ACTIONS[action](copy / "models", *arguments)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != DEAD:
            sys.exit(code)


def die_at(fatal: int) -> None:
    """End this process, with no clean-up at all, in place of its n-th step."""
    steps = itertools.count(1)
    fsync = os.fsync

    def step() -> None:
        if next(steps) == fatal:
            os._exit(DEAD)

    def counted_fsync(descriptor: int) -> None:
        step()
        fsync(descriptor)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES:
            step()
        elif event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            step()
            if next(steps) == fatal:
                Path(arguments[0]).write_bytes(b"")
                os._exit(DEAD)

    os.fsync = counted_fsync
    sys.addaudithook(watch)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
