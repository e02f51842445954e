"""Compiles the gateway's data plane with mypyc when Conch is built to be installed.

The sources stay what they are, and without a C compiler, or with CONCH_COMPILE=0, they run as they
are. So they do in an editable install: what is edited is what runs.
"""

import os
import shutil
import sys
import sysconfig

from setuptools import setup

# What each request passes through. The rest is asyncio's and the databases' time, not ours.
# Not quotas/holding.py, though it is: mypyc's classes take no weak references, by which a lease
# that nobody uses is forgotten. Nor usage/tally.py: it would take a struct of msgspec for a class
# like any other, and leave out what stands beside its base.
MODULES = {
    "gateway/data": (
        "access_log answers auth authorize body client_connection entry exchange fields forwarding "
        "gate head hedging json_guard key_cache log_members metering metrics model_names pace peer "
        "principal quotas routes settle tab tabs trace upstream upstream_connection "
        "upstream_request uploads"
    ),
    "gateway/data/replicas": "breakers choice group replica retries sequences trip",
    "gateway/quotas": "decisions due estimates holder refusals waiting_line",
    "gateway/usage": "accumulator counts meter",
}


def modules() -> list[str]:
    """The files that are compiled, together: calls among them are those of C."""
    return [f"{folder}/{name}.py" for folder, names in MODULES.items() for name in names.split()]


def extensions() -> list[object]:
    """What is to be compiled in this build."""
    if "editable_wheel" in sys.argv or os.environ.get("CONCH_COMPILE") == "0":
        return []
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        print(f"no C compiler ({compiler}): the gateway is not compiled", file=sys.stderr)
        return []
    from mypyc.build import mypycify

    # Of the project's settings for mypy none is needed here, and its plugins are not installed.
    options = ["--config-file=", "--ignore-missing-imports", "--python-version=3.11"]
    return list(mypycify([*options, *modules()], opt_level="3"))


if __name__ == "__main__":
    setup(ext_modules=extensions())
