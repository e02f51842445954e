"""`deploy/secrets.sh`, as the service `secrets` runs it."""

import hashlib
import stat
import subprocess
from pathlib import Path

from tests.deploy.compose_file import ROOT, services

FOLDERS = ("database", "redis", "gateway", "grafana")


def make_secrets(folder: Path) -> dict[str, str]:
    """The files by their path in the folder, once the script has run."""
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    subprocess.run([ROOT / "deploy" / "secrets.sh", folder], check=True, capture_output=True)
    return {str(path.relative_to(folder)): path.read_text() for path in folder.glob("*/*")}


def test_each_reader_gets_its_own(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    assert set(made) == {
        "database/password",
        "grafana/password",
        "redis/users.acl",
        "gateway/database-url",
        "gateway/redis-url",
    }
    password = made["database/password"]
    assert len(password) == 64
    assert made["gateway/database-url"] == f"postgresql://conch:{password}@database:5432/conch"


def test_redis_holds_a_hash_and_no_password(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    password = made["gateway/redis-url"].removeprefix("redis://conch:").partition("@")[0]
    assert hashlib.sha256(password.encode()).hexdigest() in made["redis/users.acl"]
    assert password not in made["redis/users.acl"]


def test_two_stacks_have_other_passwords_and_one_keeps_its_own(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir(), other.mkdir()
    made = make_secrets(one)
    assert make_secrets(one) == made
    assert not set(make_secrets(other).values()) & set(made.values())


def test_a_start_that_was_broken_off_is_begun_again(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    (tmp_path / "gateway" / "redis-url").unlink()
    made = make_secrets(tmp_path)
    assert made["database/password"] in made["gateway/database-url"]


def test_nobody_changes_what_was_made(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*/*")}
    assert modes == {0o444}


def test_each_volume_is_mounted_by_its_readers_alone() -> None:
    readers = {
        name: {
            mount["source"].removesuffix("-secrets")
            for mount in service.get("volumes", [])
            if mount["source"].endswith("-secrets")
        }
        for name, service in services("monitoring").items()
    }
    assert readers["secrets"] == set(FOLDERS)
    assert readers["database"] == {"database"} and readers["redis"] == {"redis"}
    assert readers["grafana"] == {"grafana"}
    assert readers["triton"] == readers["prometheus"] == set()
    for name, service in services("monitoring").items():
        for mount in service.get("volumes", []):
            if mount["source"].endswith("-secrets"):
                assert mount.get("read_only", False) == (name != "secrets")
