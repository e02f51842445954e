"""What `conch up` makes before the first request: compiled examples, records, a demo key."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from exporters.publishing.staging import sweep
from exporters.repository import published_versions, recover
from exporters.zoo import ZOO
from gateway.records.store import Records
from stack.commands.records import cli_actor
from stack.errors import FirstStartError
from stack.settings import StackSettings

_DEMO_TENANT = "demo"


def missing_examples(repository: Path) -> list[str]:
    """Example models that have a folder in the repository but no version of them yet."""
    folders = [name for name in ZOO if (repository / name).is_dir()]
    return [name for name in folders if not published_versions(repository, name)]


def export_missing(repository: Path) -> None:
    """Compile what is missing, in a process of its own: torch would stay in this one's memory."""
    recover(repository)
    names = missing_examples(repository)
    if not names:
        return
    command = [
        sys.executable,
        # Not the working directory first: a stack.py there would be run in place of ours.
        "-P",
        "-m",
        "stack",
        "export",
        "--missing",
        "--model-repository",
        str(repository),
    ]
    if _exit_code([*command, *names], repository) != 0:
        raise FirstStartError(
            f"{', '.join(names)} could not be exported; the reason stands above. Run "
            f"`conch export {' '.join(names)}` to try again, or remove the folders "
            f"from {repository}."
        )


def _exit_code(command: list[str], repository: Path) -> int:
    with subprocess.Popen(command, start_new_session=True) as export:
        try:
            return export.wait()
        except BaseException:
            # Ended meanwhile: with the process in which it proves what it has compiled.
            os.killpg(export.pid, signal.SIGKILL)
            export.wait()
            sweep(repository)
            raise


async def demo_key(settings: StackSettings) -> str | None:
    """A key to begin with if there is none at all yet, else None.

    It can be shown only once, so it is made when everything has started: a start that fails
    must not take the only demo key with it. The records have been brought up to date before.
    """
    if await has_keys(settings):
        return None
    records = Records(settings.records_url, actor=cli_actor())
    try:
        return (await records.create_key(_DEMO_TENANT)).token
    finally:
        await records.close()


async def has_keys(settings: StackSettings) -> bool:
    """Whether there is a key at all, be it revoked."""
    records = Records(settings.records_url)
    try:
        return await records.key_count() > 0
    finally:
        await records.close()
