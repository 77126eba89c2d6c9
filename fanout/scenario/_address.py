"""Where agents are: addresses as scenarios and commands write them."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

MAX_ADDRESS = 300
"""Letters; a host's name has at most 253."""
_NO_ADDRESS = "not an http:// or https:// address with a host"
# urlsplit drops what stands between a bracket and the port, and httpx doesn't.
_HOST_AND_PORT = re.compile(r"(\[[\w:.%]+\]|[\w-]+(\.[\w-]+)*\.?)(:[0-9]*)?", re.ASCII)


def is_loopback(host: str) -> bool:
    """Whether a host, as written in a URL, is surely this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_address(value: str) -> str:
    """An agent's address as it is used. Raises ValueError."""
    try:
        url = urlsplit(value)
    except ValueError:  # of brackets, in words that say less
        raise ValueError(_NO_ADDRESS) from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(_NO_ADDRESS)
    if not value.isprintable() or " " in value or len(value) > MAX_ADDRESS:
        raise ValueError(f"an address has no spaces or control characters, and at most {MAX_ADDRESS} letters")
    try:
        port = url.port
    except ValueError:  # whose words may repeat a password's
        raise ValueError("its port is not a number up to 65535") from None
    if port == 0:
        raise ValueError("port 0 is not an address")
    if url.path.strip("/") or url.query or url.fragment or url.username is not None:
        raise ValueError("only scheme, host and port can be given; the protocol adds the path")
    if not _HOST_AND_PORT.fullmatch(url.netloc) or not _is_host(url.hostname):
        raise ValueError(
            "its host is neither an IP address ([in brackets] if it has colons) nor a name in ASCII letters"
        )
    return value.rstrip("/")


def _is_host(host: str) -> bool:
    """Whether everybody takes it for the same host: a name, or an IP address, which is all that may end in a number."""
    if ":" not in host and not host.rstrip(".").rpartition(".")[2].isdigit():
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
