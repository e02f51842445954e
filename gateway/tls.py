"""TLS of both planes: its files, what is offered to clients, and following changed files."""

import os
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from gateway.errors import ConfigurationError
from gateway.settings import GatewaySettings

# TLS 1.3 has suites of its own, all of them sound.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_CERTIFICATE = re.compile(rb"-----BEGIN [^-]+-----[^-]+-----END")

_log = structlog.get_logger()
_Look = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the certificate, its key and the authorities of clients are."""

    certificate: Path
    key: Path
    client_ca: Path | None
    is_client_required: bool
    # Of the settings that name them.
    prefix: str = "CONCH_TLS_"

    def named(self) -> Iterator[tuple[str, Path]]:
        """Each file with the setting that names it."""
        yield f"{self.prefix}CERTIFICATE", self.certificate
        yield f"{self.prefix}KEY", self.key
        if self.client_ca is not None:
            yield f"{self.prefix}CLIENT_CA", self.client_ca


def tls_files(settings: GatewaySettings) -> TlsFiles | None:
    """The files that the settings name; None: no TLS. Raises ConfigurationError for half of it."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        if certificate or key or settings.tls_client_ca or settings.tls_client_required:
            missing = "CONCH_TLS_CERTIFICATE" if certificate is None else "CONCH_TLS_KEY"
            raise ConfigurationError(f"{missing} is not set; TLS needs a certificate and its key.")
        return None
    if settings.tls_client_required and settings.tls_client_ca is None:
        raise ConfigurationError(
            "CONCH_TLS_CLIENT_REQUIRED needs CONCH_TLS_CLIENT_CA, the authorities of the clients."
        )
    return TlsFiles(
        certificate=certificate,
        key=key,
        client_ca=settings.tls_client_ca,
        is_client_required=settings.tls_client_required,
    )


def admin_tls_files(settings: GatewaySettings) -> TlsFiles | None:
    """The files of the admin plane; None: no TLS. Raises ConfigurationError for half of it."""
    certificate, key = settings.admin_tls_certificate, settings.admin_tls_key
    if certificate is None or key is None:
        if certificate or key or settings.admin_tls_client_ca:
            missing = "CERTIFICATE" if certificate is None else "KEY"
            raise ConfigurationError(
                f"CONCH_ADMIN_TLS_{missing} is not set; TLS needs a certificate and its key."
            )
        return None
    return TlsFiles(
        certificate=certificate,
        key=key,
        client_ca=settings.admin_tls_client_ca,
        # Scrapers have none; the API asks for one itself.
        is_client_required=False,
        prefix="CONCH_ADMIN_TLS_",
    )


@dataclass(frozen=True, slots=True)
class Tls:
    """What new connections get, and when its certificate ends to be valid (seconds since 1970)."""

    context: ssl.SSLContext
    expires_s: float
    # Certificates of those who vouch for clients, as they stand in the file.
    authorities: frozenset[bytes]


def load_tls(files: TlsFiles) -> Tls:
    """Read the files. Raises ConfigurationError naming the one that is at fault."""
    for name, path in files.named():
        _require_readable(name, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _load_certificate(context, files)
    authorities: frozenset[bytes] = frozenset()
    if files.client_ca is not None:
        authorities = frozenset(_CERTIFICATE.findall(files.client_ca.read_bytes()))
        _load_client_ca(context, files, files.client_ca)
        required = files.is_client_required
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return Tls(context, _expires_s(files), authorities)


class TlsReloader:
    """Reads the files, and again when they have changed; polled, as looking costs microseconds.

    A context is never changed but replaced: so authorities that were taken away are gone, and
    sessions that they vouched for cannot be resumed.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._loaded = self._seen = _look(files)
        self.tls = load_tls(files)

    def reload(self) -> bool:
        """Whether there is another `tls`: files have changed, lie still and are in order."""
        before, self._seen = self._seen, _look(self._files)
        # While certificate and key are being replaced they differ from one look to the next.
        if self._seen == self._loaded or self._seen != before:
            return False
        self._loaded = self._seen
        try:
            self.tls = load_tls(self._files)
        except ConfigurationError as error:
            _log.error("tls_files_refused", reason=str(error), serving="the files before")
            return False
        return True


def _load_certificate(context: ssl.SSLContext, files: TlsFiles) -> None:
    try:
        context.load_cert_chain(
            files.certificate, files.key, password=partial(_refuse_passphrase, files)
        )
    except OSError as error:
        raise ConfigurationError(
            f"{files.prefix}CERTIFICATE {files.certificate} and {files.prefix}KEY {files.key} "
            f"cannot be used together: {_reason(error)}; give a PEM chain and its own key."
        ) from error


def _load_client_ca(context: ssl.SSLContext, files: TlsFiles, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise ConfigurationError(
            f"{files.prefix}CLIENT_CA {path} cannot be used: {_reason(error)}; "
            "give PEM certificates."
        ) from error


def _expires_s(files: TlsFiles) -> float:
    from cryptography import x509

    try:
        chain = x509.load_pem_x509_certificates(files.certificate.read_bytes())
    except (ValueError, OSError) as error:
        raise ConfigurationError(
            f"{files.prefix}CERTIFICATE {files.certificate}: {error}"
        ) from error
    return chain[0].not_valid_after_utc.timestamp()


def _refuse_passphrase(files: TlsFiles) -> str:
    # OpenSSL would ask at the terminal.
    raise ConfigurationError(f"{files.prefix}KEY has a passphrase; give a key without one.")


def _require_readable(name: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigurationError(f"{name} {path} cannot be read: {error.strerror}.") from error


def _look(files: TlsFiles) -> _Look:
    return tuple(_stat(path) for _, path in files.named())


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _reason(error: Exception) -> str:
    """`[SSL: KEY_VALUES_MISMATCH] key values mismatch (_ssl.c:3900)` -> `key values mismatch`."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return (error.args[-1] if error.args else str(error)).partition(" (_ssl")[0]
