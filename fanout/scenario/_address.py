"""Agents' addresses, as written in scenarios and on command lines."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

MAX_CHARACTERS = 300
"""The longest address; a host name has at most 253 characters."""
_NOT_AN_ADDRESS = "not an http:// or https:// address with a host"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"(/[\w.~%-]*)*", re.ASCII)
_DOTS = re.compile(r"/\.{1,2}(/|$)")
# urlsplit drops any text between a bracket and the port; httpx doesn't.
_HOST_AND_PORT = re.compile(r"(\[[\w:.%]+\]|[\w-]+(\.[\w-]+)*\.?)(:[0-9]*)?", re.ASCII)


def is_ip_address(host: str) -> bool:
    """Whether a host is an IP address, and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host, as written in a URL, is certain to be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin_of(address: str) -> str:
    """Scheme, host and port of an address. Agents at the same origin share a client's connections."""
    url = urlsplit(address)
    return f"{url.scheme}://{url.hostname}:{url.port or _DEFAULT_PORTS.get(url.scheme)}"


def checked_address(value: str) -> str:
    """An agent's address in the form that clients use. Raises ValueError."""
    try:
        url = urlsplit(value)
    except ValueError:  # it complains about brackets, in a less helpful message
        raise ValueError(_NOT_AN_ADDRESS) from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(_NOT_AN_ADDRESS)
    if not value.isprintable() or " " in value or len(value) > MAX_CHARACTERS:
        raise ValueError(f"an address has no spaces or control characters, and at most {MAX_CHARACTERS} characters")
    try:
        port = url.port
    except ValueError:  # its message may repeat a part of a password
        raise ValueError("its port is not a number up to 65535") from None
    if port == 0:
        raise ValueError("port 0 can't be connected to")
    if url.query or url.fragment or url.username is not None:
        raise ValueError("only scheme, host, port and path can be given")
    if not _PATH.fullmatch(url.path) or _DOTS.search(url.path):
        raise ValueError("its path may have letters, digits, and any of -._~/%, but no part that is . or ..")
    if not _HOST_AND_PORT.fullmatch(url.netloc) or not _is_host(url.hostname):
        raise ValueError("its host is neither an IP address ([in brackets] if it has colons) nor an ASCII host name")
    return value.rstrip("/")


def _is_host(host: str) -> bool:
    """Whether all software reads this as the same host: a name, or an IP address. Only the latter ends in a number."""
    if ":" not in host and not host.rstrip(".").rpartition(".")[2].isdigit():
        return True
    return is_ip_address(host)
