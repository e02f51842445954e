"""Fetches the document with an issuer's keys, and trusts neither its size nor its pace."""

import asyncio
import ssl

import httpx2

from gateway.data.tokens.faults import KeysUnreadable

MAX_DOCUMENT_BYTES = 256 * 1024
TIMEOUT_S = 5.0
_OK = 200
_HEADERS = {
    "Accept": "application/jwk-set+json, application/json",
    # A small document can unpack to a huge one.
    "Accept-Encoding": "identity",
    "User-Agent": "conch",
}


class KeyFetcher:
    """Asks issuers for their keys; authorities are the system's, or those of SSL_CERT_FILE."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._client = httpx2.AsyncClient(
            verify=ssl.create_default_context(),
            # No proxy and no credentials from the environment.
            trust_env=False,
            follow_redirects=False,
            timeout=timeout_s,
            # Minutes lie between two fetches.
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def fetch(self, url: str) -> bytes:
        """The document at this address; raises KeysUnreadable."""
        try:
            # httpx2 counts its timeout anew with each piece that arrives.
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream("GET", url, headers=_HEADERS) as answer:
                    return await _document(answer)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise KeysUnreadable(f"it did not come within {self._timeout_s:g} s") from error
        except (httpx2.HTTPError, OSError) as error:
            raise KeysUnreadable(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        await self._client.aclose()


async def _document(answer: httpx2.Response) -> bytes:
    if answer.status_code != _OK:
        hint = "; redirects are not followed" if answer.is_redirect else ""
        raise KeysUnreadable(f"the answer is {answer.status_code}, not 200{hint}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise KeysUnreadable("it is compressed although that was not asked for")
    document = bytearray()
    async for piece in answer.aiter_raw():
        document += piece
        if len(document) > MAX_DOCUMENT_BYTES:
            raise KeysUnreadable(f"it is larger than {MAX_DOCUMENT_BYTES} bytes")
    return bytes(document)
