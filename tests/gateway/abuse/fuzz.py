"""Coverage-guided fuzzing of both sides: `python -m tests.gateway.abuse.fuzz [--seconds 600]`.

Every input is played in one piece and in several. What fails is left in build/fuzz with the bytes
that do it; `python -m tests.gateway.abuse.fuzz requests FILE` plays such a file again.
"""

import argparse
import asyncio
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

DIRECTORY = Path("build/fuzz")
SIDES = ("requests", "answers")
MAX_BYTES = 3000
_DONE = re.compile(r"Done (\d+) runs in (\d+) second")

_WORDS = [
    b"\r\n\r\n", b"\r\n", b": ", b"HTTP/1.1", b"HTTP/1.0", b"Content-Length: 3\r\n", b"chunked",
    b"close", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Host: gateway\r\n",
    b"0\r\n\r\n", b"3\r\nabc\r\n", b"Expect: 100-continue\r\n",
    b"Connection: upgrade\r\nUpgrade: x\r\n", b'"shape":[1,4]', b"Content-Encoding: gzip\r\n",
    b"X-API-Key: $KEY\r\n", b"POST /v2/models/echo/infer ", b"GET /v2/health/live ",
    b"Inference-Header-Content-Length: 2\r\n", b"HTTP/1.1 100 x\r\n\r\n", b"HTTP/1.1 200 OK\r\n",
    b"/generate_stream",
]  # fmt: skip

Play = Callable[[bytes, range], Awaitable[None]]


def main() -> int:
    """Fuzz each side for half of the time; exit code 1 if anything fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="of both sides together")
    seconds = parser.parse_args().seconds // len(SIDES)
    results = [fuzz_in_a_process(side, seconds) for side in SIDES]
    return int(not all(results))


def fuzz_in_a_process(side: str, seconds: int) -> bool:
    """Whether nothing failed; libFuzzer ends the process that it runs in."""
    corpus = write_corpus(side)
    words = DIRECTORY / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in _WORDS))
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_BYTES}",
        "-timeout=10",
        "-rss_limit_mb=1024",
        f"-dict={words}",
        f"-artifact_prefix={DIRECTORY}/{side}-",
    ]
    command = [sys.executable, "-m", "tests.gateway.abuse.fuzz", side, *options, str(corpus)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    found = _DONE.search(done.stderr)
    if done.returncode or found is None:
        print(f"{side}: failed, see {DIRECTORY}\n{done.stderr[-4000:]}")
        return False
    print(
        f"{side}: {found[1]} inputs in {found[2]} s, {len(list(corpus.iterdir()))} kept, no failure"
    )
    return True


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def write_corpus(side: str) -> Path:
    """The cases of the suite, from which the fuzzer starts."""
    from tests.gateway.abuse import all_cases, answer_cases

    corpus = DIRECTORY / f"corpus-{side}"
    corpus.mkdir(parents=True, exist_ok=True)
    cases = all_cases.CASES if side == "requests" else answer_cases.CASES
    for number, case in enumerate(cases):
        if len(case.data) < MAX_BYTES:
            (corpus / f"case-{number}").write_bytes(bytes([number % 16]) + case.data)
    return corpus


def fuzz(side: str, arguments: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["gateway.data", "gateway.errors"]):
        from tests.gateway.abuse import answer_play, request_play

    async def play_request(data: bytes, cuts: range) -> None:
        whole = await request_play.play_request(data, [])
        request_play.assert_the_same(await request_play.play_request(data, cuts), whole)

    async def play_answer(data: bytes, cuts: range) -> None:
        for closes in (False, True):
            whole = await answer_play.play_answer(data, [], closes=closes)
            split = await answer_play.play_answer(data, cuts, closes=closes)
            answer_play.assert_the_same(split, whole)

    play: Play = play_request if side == "requests" else play_answer
    loop = asyncio.new_event_loop()

    def one_input(data: bytes) -> None:
        # The first byte says how long the pieces are. Without knowing what was asked, the answer
        # to a HEAD cannot be read.
        if data and b"HEAD" not in data:
            size = data[0] % 32 or 50
            loop.run_until_complete(play(data[1:], range(size, len(data) - 1, size)))

    atheris.Setup([sys.argv[0], *arguments], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in SIDES:
        fuzz(sys.argv[1], sys.argv[2:])
    else:
        raise SystemExit(main())
