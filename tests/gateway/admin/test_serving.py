"""The admin plane as a process: where it may listen, TLS, certificates, and the records it shares
with workers.
"""

import asyncio
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest
import trustme

from gateway.admin.serving import GRACE_S
from gateway.records.migrate import migrate
from gateway.records.store import Records
from tests.gateway.certificates import client_context, write_pair
from tests.gateway.processes import GatewayProcess, free_port
from tests.waiting import wait_until

T = TypeVar("T")
# Of this machine alone as well, but no address of loopback to whoever looks at it.
EVERYWHERE = "0.0.0.0"


class Plane:
    """Settings and records of an admin plane that may not have started."""

    def __init__(self, state_dir: Path, **settings: object) -> None:
        self.url = f"sqlite+aiosqlite:///{state_dir}/conch.db"
        self.port = free_port()
        given = {"CONCH_STATE_DIR": state_dir, "CONCH_ADMIN_PORT": self.port} | settings
        self.process = GatewayProcess(
            "gateway.admin", {name: str(value) for name, value in given.items()}
        )

    def change(self, use: Callable[[Records], Awaitable[T]]) -> T:
        async def run() -> T:
            await migrate(self.url)
            records = Records(self.url)
            try:
                return await use(records)
            finally:
                await records.close()

        return asyncio.run(run())

    def refusal(self) -> str:
        self.process.start()
        code, _, errors = self.process.outcome()
        assert code == 1 and errors.startswith("error: ") and errors.count("\n") == 1
        return errors

    @contextmanager
    def running(self, tls: ssl.SSLContext | None = None) -> Iterator[httpx2.Client]:
        self.process.start()
        scheme = "https" if tls else "http"
        try:
            with httpx2.Client(
                base_url=f"{scheme}://127.0.0.1:{self.port}", verify=tls or True, trust_env=False
            ) as client:
                wait_until(lambda: _answers(client), what="the admin plane did not answer")
                yield client
        finally:
            self.process.stop()


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def test_without_an_admin_it_listens_on_loopback_alone(tmp_path: Path) -> None:
    plane = Plane(tmp_path, CONCH_ADMIN_HOST=EVERYWHERE)
    plane.change(lambda records: records.create_admin("gone"))
    plane.change(lambda records: records.revoke_admin("gone"))
    assert "`conch admins create NAME` makes one" in plane.refusal()
    token = plane.change(lambda records: records.create_admin("ops"))
    with plane.running() as client:
        assert client.get("/v1/tenants").status_code == 401
        assert client.get("/metrics").status_code == 200
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/v1/tenants", headers=headers).status_code == 200


def test_without_records_it_does_not_start(tmp_path: Path) -> None:
    assert "no records at" in Plane(tmp_path).refusal()
    assert not list(tmp_path.glob("conch.db*"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CONCH_ADMIN_TLS_CERTIFICATE", "CONCH_ADMIN_TLS_KEY is not set"),
        ("CONCH_ADMIN_TLS_KEY", "CONCH_ADMIN_TLS_CERTIFICATE is not set"),
        ("CONCH_ADMIN_TLS_CLIENT_CA", "CONCH_ADMIN_TLS_CERTIFICATE is not set"),
    ],
)
def test_half_of_tls_is_refused(tmp_path: Path, name: str, said: str) -> None:
    assert said in Plane(tmp_path, **{name: tmp_path / "file.pem"}).refusal()


def test_a_file_of_tls_that_is_missing_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent.pem"
    plane = Plane(tmp_path, CONCH_ADMIN_TLS_CERTIFICATE=absent, CONCH_ADMIN_TLS_KEY=absent)
    assert f"CONCH_ADMIN_TLS_CERTIFICATE {absent} cannot be read" in plane.refusal()


def test_a_certificate_of_an_admin_lets_in_and_no_other(tmp_path: Path) -> None:
    authority, others = trustme.CA(), trustme.CA()
    files = write_pair(authority, tmp_path / "tls", "127.0.0.1")
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    plane = Plane(
        tmp_path,
        CONCH_ADMIN_TLS_CERTIFICATE=files.certificate,
        CONCH_ADMIN_TLS_KEY=files.key,
        CONCH_ADMIN_TLS_CLIENT_CA=ca,
    )
    plane.change(lambda records: records.page_of_tenants())
    alice = authority.issue_cert("alice", common_name="alice")
    subject = _subject(alice)
    with plane.running(client_context(authority, alice)) as client:
        # Authorities of clients are set: it is never open.
        assert client.get("/v1/tenants").status_code == 401
        plane.change(lambda records: records.create_certificate_admin("alice", subject))
        assert client.post("/v1/tenants", json={"name": "acme"}).status_code == 201
        (entry,) = client.get("/v1/audit", params={"subject": "acme"}).json()["items"]
        assert entry["actor"] == "admin:alice"
        for other in (None, authority.issue_cert("bob", common_name="bob")):
            context = client_context(authority, other)
            with httpx2.Client(base_url=client.base_url, verify=context, trust_env=False) as them:
                assert them.get("/v1/tenants").status_code == 401
                assert them.get("/metrics").status_code == 200
        forged = client_context(authority, others.issue_cert("alice", common_name="alice"))
        with (
            httpx2.Client(base_url=client.base_url, verify=forged, trust_env=False) as mallory,
            pytest.raises(httpx2.TransportError),
        ):
            mallory.get("/v1/tenants")


def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    first, second = trustme.CA(), trustme.CA()
    files = write_pair(first, tmp_path / "tls", "127.0.0.1")
    plane = Plane(
        tmp_path, CONCH_ADMIN_TLS_CERTIFICATE=files.certificate, CONCH_ADMIN_TLS_KEY=files.key
    )
    plane.change(lambda records: records.page_of_tenants())
    with plane.running(client_context(first)) as client:
        write_pair(second, tmp_path / "tls", "127.0.0.1")
        os.utime(files.certificate)

        def is_renewed() -> bool:
            with httpx2.Client(
                base_url=client.base_url, verify=client_context(second), trust_env=False
            ) as new:
                return _answers(new)

        wait_until(is_renewed)


def test_answers_on_a_kept_connection_wait_for_no_acknowledgement(tmp_path: Path) -> None:
    plane = Plane(tmp_path)
    plane.change(lambda records: records.page_of_tenants())
    with plane.running() as client:
        quickest_s = min(client.get("/v1/tenants").elapsed.total_seconds() for _ in range(20))
    # A delayed one comes after 40 ms.
    assert quickest_s < 0.035


def test_a_client_that_stays_does_not_hold_up_the_end(tmp_path: Path) -> None:
    authority = trustme.CA()
    files = write_pair(authority, tmp_path / "tls", "127.0.0.1")
    plane = Plane(
        tmp_path, CONCH_ADMIN_TLS_CERTIFICATE=files.certificate, CONCH_ADMIN_TLS_KEY=files.key
    )
    plane.change(lambda records: records.page_of_tenants())
    with plane.running(client_context(authority)) as client:
        assert client.get("/healthz").status_code == 200
        stopped_s = time.monotonic()
        # The connection is kept, and its client says nothing more.
        plane.process.stop()
        assert time.monotonic() - stopped_s < GRACE_S + 5


def _subject(issued: trustme.LeafCert) -> str:
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())
    return certificate.subject.rfc4514_string()
