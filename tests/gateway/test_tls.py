"""The files of TLS: what is said when they are wrong, and when changed ones are taken."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from gateway.errors import ConfigurationError
from gateway.settings import GatewaySettings
from gateway.tls import TlsFiles, TlsReloader, load_tls, tls_files
from tests.gateway.certificates import write_pair


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> TlsFiles:
    return write_pair(authority, tmp_path)


def _refused(files: TlsFiles) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_tls(files)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_settings_there_is_no_tls() -> None:
    assert tls_files(GatewaySettings()) is None


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"tls_certificate": "a"}, "CONCH_TLS_KEY is not set"),
        ({"tls_key": "a"}, "CONCH_TLS_CERTIFICATE is not set"),
        ({"tls_client_ca": "a"}, "CONCH_TLS_CERTIFICATE is not set"),
        ({"tls_client_required": "1"}, "CONCH_TLS_CERTIFICATE is not set"),
        (
            {"tls_certificate": "a", "tls_key": "b", "tls_client_required": "1"},
            "CONCH_TLS_CLIENT_REQUIRED needs CONCH_TLS_CLIENT_CA",
        ),
    ],
)
def test_half_of_the_settings_is_refused(given: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        tls_files(GatewaySettings(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["certificate", "key", "client_ca"])
def test_a_missing_file_is_named(files: TlsFiles, tmp_path: Path, field: str) -> None:
    absent = tmp_path / "absent.pem"
    said = _refused(replace(files, **{field: absent}))
    assert said == f"CONCH_TLS_{field.upper()} {absent} cannot be read: No such file or directory."


@pytest.mark.parametrize("field", ["certificate", "key", "client_ca"])
def test_a_file_of_something_else_is_named(files: TlsFiles, tmp_path: Path, field: str) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    assert f"CONCH_TLS_{field.upper()} {junk}" in _refused(replace(files, **{field: junk}))


def test_a_key_of_another_certificate_is_refused(
    files: TlsFiles, authority: trustme.CA, tmp_path: Path
) -> None:
    other = write_pair(authority, tmp_path / "other")
    assert "key values mismatch" in _refused(replace(files, key=other.key))


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(files: TlsFiles) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert "has a passphrase" in _refused(files)


def test_changed_files_are_taken_once_they_lie_still(
    files: TlsFiles, authority: trustme.CA, tmp_path: Path
) -> None:
    reloader = TlsReloader(files)
    before = reloader.tls
    assert not reloader.reload()
    write_pair(authority, tmp_path)
    assert not reloader.reload()
    assert reloader.reload()
    assert reloader.tls is not before
    assert not reloader.reload()


def test_a_broken_pair_is_told_once_and_the_one_before_stays(
    files: TlsFiles, authority: trustme.CA, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reloader = TlsReloader(files)
    before = reloader.tls
    os.replace(write_pair(authority, tmp_path / "other").certificate, files.certificate)
    assert not any([reloader.reload() for _ in range(4)])
    assert reloader.tls is before
    assert capsys.readouterr().out.count("tls_files_refused") == 1
    write_pair(authority, tmp_path)
    assert [reloader.reload() for _ in range(2)] == [False, True]


def test_the_authorities_of_clients_are_told_apart(
    files: TlsFiles, authority: trustme.CA, tmp_path: Path
) -> None:
    assert not load_tls(files).authorities
    trusted = tmp_path / "clients.pem"
    mutual = replace(files, client_ca=trusted)
    first, second = authority.cert_pem.bytes(), trustme.CA().cert_pem.bytes()
    trusted.write_bytes(b"# Entit\xc3\xa9 1\n" + first)
    one = load_tls(mutual).authorities
    trusted.write_bytes(second + first)
    both = load_tls(mutual).authorities
    assert (len(one), len(both)) == (1, 2)
    assert one < both
