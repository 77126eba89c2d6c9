"""What httpx and its forks read from the environment: which variable, and which entry, a client can't use or ignores.

`httpx` is the module of the library in question.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterator
from types import ModuleType

from fanout.errors import CouldNotRunError, without_login

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_INSTEAD = "or set client.trust_env to false"


def proxy_problem(httpx: ModuleType, error: Exception) -> CouldNotRunError:
    """Why no client could be made, for an error that httpx raised while it read the proxy settings.

    The message names the variable and, for NO_PROXY, its entry. A proxy's URL may hold a password, so it is left out.
    """
    for name, value in _set(_PROXIES):
        if (why := _why_not_proxy(httpx, value)) is not None:
            return CouldNotRunError(f"{httpx.__name__} can't create a client: {name} {why}; correct it, {_INSTEAD}")
    for name, entry in _no_proxy_entries():
        if (why := _why_not_entry(httpx, entry)) is not None:
            return CouldNotRunError(
                f"{httpx.__name__} can't create a client: {name} has the entry {without_login(entry)!r}: "
                f"{without_login(why)}; allowed: host names, .domains and IP addresses without brackets; correct it, "
                f"{_INSTEAD}"
            )
    why = str(error) if isinstance(error, ImportError) else "the environment has an invalid proxy URL"
    return CouldNotRunError(
        f"{httpx.__name__} can't create a client: {why}; correct {', '.join(_PROXIES)} and NO_PROXY, {_INSTEAD}"
    )


def ignored_entries() -> tuple[str, ...]:
    """The entries of NO_PROXY that httpx accepts although they match nothing: networks (10.0.0.0/8) and wildcards."""
    return tuple(entry for _, entry in _no_proxy_entries() if _is_ignored(entry))


def _is_ignored(entry: str) -> bool:
    if "://" in entry or entry == "*":
        return False
    is_network = "/" in entry and not entry.endswith(("/32", "/128"))  # of which httpx takes the first address only
    return is_network or "*" in entry


def certificate_problem(library: str, error: OSError) -> CouldNotRunError:
    """Why no TLS context could be made, for an error about the certificates that the environment names."""
    for name, value in _set(("SSL_CERT_FILE", "SSL_CERT_DIR"), lower=False):
        why = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror or "can't be read"
        return CouldNotRunError(
            f"{library} can't load certificates: {name}={value}: {why}; correct it, unset it, {_INSTEAD}"
        )
    return CouldNotRunError(f"{library} can't load its certificates: {error.strerror or error}; install certifi again")


def _set(names: tuple[str, ...], *, lower: bool = True) -> Iterator[tuple[str, str]]:
    """The variables that are set, by the names that they have in the environment."""
    for name in names:
        for written in (name.lower(), name) if lower else (name,):
            if value := os.environ.get(written):
                yield written, value
                break


def _no_proxy_entries() -> Iterator[tuple[str, str]]:
    for name, value in _set(("NO_PROXY",)):
        yield from ((name, entry.strip()) for entry in value.split(",") if entry.strip())


def _why_not_proxy(httpx: ModuleType, url: str) -> str | None:
    """Why httpx can't use this URL of a proxy; None if it can."""
    try:
        httpx.AsyncHTTPTransport(verify=_no_context(), proxy=url if "://" in url else f"http://{url}")
    except ImportError as error:
        return f"names a SOCKS proxy: {error}"
    except (ValueError, httpx.InvalidURL):
        return "is not the URL of a proxy that httpx can use"
    return None


def _no_context() -> ssl.SSLContext:
    """A context without certificates, which takes no time to make."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _why_not_entry(httpx: ModuleType, entry: str) -> str | None:
    """httpx's own words about an entry of NO_PROXY; None if it accepts it."""
    if entry == "*":
        return None
    try:
        httpx.AsyncClient(verify=_no_context(), trust_env=False, mounts={_pattern(entry): None})
    except (ValueError, httpx.InvalidURL) as error:
        return str(error)
    return None


def _pattern(entry: str) -> str:
    """The pattern that httpx makes of an entry (httpx._utils.get_environment_proxies in 0.28)."""
    if "://" in entry:
        return entry
    try:
        version = ipaddress.ip_address(entry.partition("/")[0]).version
    except ValueError:
        return f"all://{entry}" if entry.lower() == "localhost" else f"all://*{entry}"
    return f"all://{entry}" if version == 4 else f"all://[{entry}]"
