"""Compiles the gateway's data plane with mypyc when Conch is built to be installed.

The sources stay what they are, and without a C compiler, or with USE_MYPYC=0, they run as they are.
So they do in an editable install: what is edited is what runs.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

# What each request passes through. The rest is asyncio's and the databases' time, not ours.
# Not quotas/holding.py, though it is: mypyc's classes take no weak references, by which a lease
# that nobody uses is forgotten.
MODULES = {
    "gateway/data": (
        "access_log answer_reader answers auth authorize body client_connection entry exchange "
        "fields forwarding gate head hedging json_guard key_cache log_members metering metrics "
        "model_names pace peer principal quotas routes settle tab tabs trace upstream "
        "upstream_connection upstream_request uploads"
    ),
    "gateway/data/replicas": "breakers choice group replica retries sequences trip",
    "gateway/quotas": "decisions due estimates holder purse refusals waiting_line waiting_lines",
    "gateway/usage": "accumulator counts meter",
}


def modules() -> list[str]:
    """The files that are compiled, together: calls among them are those of C."""
    return [f"{folder}/{name}.py" for folder, names in MODULES.items() for name in names.split()]


def extensions() -> list[Extension]:
    """What is to be compiled in this build."""
    # Neither an editable install nor the questions that come before a build.
    if not {"bdist_wheel", "build_ext"} & set(sys.argv) or os.environ.get("USE_MYPYC") == "0":
        return []
    lacking = missing()
    if lacking:
        print(f"the gateway is not compiled: there is no {lacking}", file=sys.stderr)
        return []
    from mypyc.build import mypycify

    # Of the project's settings for mypy none is needed here, and its plugins are not installed.
    options = ["--config-file=", "--ignore-missing-imports", "--python-version=3.11"]
    compiled: list[Extension] = mypycify([*options, *modules()], opt_level="3")
    for extension in compiled:
        # A compiler that warns of more than those that mypyc knows is none that fails.
        arguments = extension.extra_compile_args
        extension.extra_compile_args = [one for one in arguments if one != "-Werror"]
    return compiled


def missing() -> str:
    """What a compilation lacks; empty: nothing."""
    named = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    compiler = named.split()[0]
    if shutil.which(compiler) is None:
        return f"C compiler ({compiler})"
    header = Path(sysconfig.get_path("include"), "Python.h")
    return "" if header.exists() else f"{header}; Debian has it in python3-dev"


if __name__ == "__main__":
    setup(ext_modules=extensions())
