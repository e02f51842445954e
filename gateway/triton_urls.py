"""The setting CONCH_TRITON_URLS: addresses of Tritons, read with the entry named that is wrong."""

from urllib.parse import urlsplit

from gateway.errors import ConfigurationError

MAX_URLS = 256


def triton_addresses(urls: str) -> tuple[tuple[str, int], ...]:
    """Hosts and ports. Raises ConfigurationError.

    >>> triton_addresses("http://127.0.0.1:8000, http://gpu:8000")
    (('127.0.0.1', 8000), ('gpu', 8000))
    """
    entries = split_urls(urls)
    if len(entries) > MAX_URLS:
        raise ConfigurationError(
            f"CONCH_TRITON_URLS has {len(entries)} addresses; at most {MAX_URLS}. "
            "A name with many addresses takes their place."
        )
    return tuple(dict.fromkeys(map(_address, entries)))


def split_urls(urls: str) -> list[str]:
    """The entries between the commas."""
    return [url.strip() for url in urls.split(",")]


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "http" or not parts.hostname or port is None or parts.path not in ("", "/"):
        raise ConfigurationError(
            f"CONCH_TRITON_URLS is {url!r}; write each address as http://127.0.0.1:8000"
        )
    return parts.hostname, port
