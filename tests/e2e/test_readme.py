"""The README's commands are run, in order, and print what the README says they print.

Numbers, keys and runs of spaces may differ; every other character of an output line may not.
"""

import re
import subprocess
import sys

import pytest

from tests.e2e.running_stack import ROOT, RunningStack

README = (ROOT / "README.md").read_text()
DEFAULT_PORTS = ("8080", "8081", "8000", "8001", "8002")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def sessions() -> list[tuple[str, str]]:
    """Every `$ command` of the console blocks with the output shown below it."""
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command += "\n" + more
            found.append((command, output))
    return found


def comparable(text: str, stack: RunningStack) -> list[str]:
    text = text.replace(str(stack.state_dir), ".conch").replace(f"{stack.folder}/", "")
    # What is told to try names the gateway where it is not on the usual ports.
    text = re.sub(r" --url http://[0-9.:]+", "", text)
    text = re.sub(r"ck_\w+", "KEY", text)
    text = re.sub(r"[0-9a-f]{12}-[0-9a-f]+", "ID", text)
    text = re.sub(r"sha256 [0-9a-f]+", "sha256 HASH", text)
    text = re.sub(r"[0-9][0-9,]*(\.[0-9]+)?(e-[0-9]+)?", "N", text)
    text = re.sub(r"[█·]+", "BAR", text)
    return [
        line for line in (re.sub(r"[ \t]+", " ", raw).strip() for raw in text.splitlines()) if line
    ]


def on_ports_of(stack: RunningStack, text: str) -> str:
    for default, port in zip(DEFAULT_PORTS, stack.ports, strict=True):
        text = text.replace(f"127.0.0.1:{default}", f"127.0.0.1:{port}")
    return text


@pytest.fixture(scope="module")
def session_key(stack: RunningStack) -> str:
    return stack.new_key()


def test_make_serve_prints_what_the_readme_shows(stack: RunningStack) -> None:
    shown = re.search(r"<!-- output of: make serve -->\n```text\n(.*?)```", README, re.DOTALL)
    assert shown
    printed = comparable(stack.output, stack)
    missing = [line for line in comparable(shown[1], stack) if line not in printed]
    assert not missing, stack.output


@pytest.mark.parametrize(("command", "output"), sessions(), ids=[c for c, _ in sessions()])
def test_console_block(stack: RunningStack, session_key: str, command: str, output: str) -> None:
    done = subprocess.run(
        ["bash", "-c", on_ports_of(stack, command)],
        env=stack.environment | {"CONCH_API_KEY": session_key},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert comparable(done.stdout, stack) == comparable(output, stack)


@pytest.mark.parametrize("program", blocks("python"))
def test_python_block(stack: RunningStack, session_key: str, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", on_ports_of(stack, program)],
        env=stack.environment | {"CONCH_API_KEY": session_key},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    shown = re.findall(r"# prints: (.*)", program)
    assert comparable(done.stdout, stack) == comparable("\n".join(shown), stack)
