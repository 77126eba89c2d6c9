"""Protects Locust's web UI from requests of other sites.

Locust answers every request: it allows every origin by CORS and has no token against forged requests. So any web page
in the user's browser could start a test, end one or name a scenario file. Browsers say where a request comes from
(Host, Origin, Sec-Fetch-*), so requests from other sites are refused here. Requests without such headers pass: they
come from programs such as curl, which act for no web page. A browser also sends none with a GET by plain http to
another machine (--web-host), such as for an image. The page can't read the answer, and in Locust no GET changes
anything.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Response, request

from fanout.scenario import is_loopback

if TYPE_CHECKING:  # importing Locust patches the process
    from locust.web import WebUI

PAGES = ("locust.index", "locust.login")
"""What a link on another site may open of Locust's pages. Links may open ours, too, none of which changes anything. A
locustfile decides about its own pages, such as one to which an external login returns."""
EVERY_INTERFACE = ("", "0.0.0.0", "::")  # noqa: S104 (only compared, not bound)


def guard(web_ui: WebUI) -> None:
    """Refuses requests from other sites with a 403 of one line, and removes the headers that let them read answers."""
    assert web_ui.app is not None

    def refuse() -> Response | None:
        of_locustfile = request.url_rule is not None and request.blueprint != "locust"
        may_be_linked = request.method == "GET" and (of_locustfile or request.endpoint in PAGES)
        # Not the configured port, which may be 0.
        port = int(request.environ["SERVER_PORT"])
        why = refusal(dict(request.headers), request.scheme, port, web_ui.host, may_be_linked=may_be_linked)
        return None if why is None else Response(f"{why}\n", 403, mimetype="text/plain")

    def close(response: Response) -> Response:
        for name in [name for name, _ in response.headers if name.lower().startswith("access-control-")]:
            del response.headers[name]
        return response

    # First before a request, and last after it: after flask_cors, which adds the headers.
    web_ui.app.before_request_funcs.setdefault(None, []).insert(0, refuse)
    web_ui.app.after_request_funcs.setdefault(None, []).insert(0, close)


def refusal(headers: Mapping[str, str], scheme: str, port: int, web_host: str, *, may_be_linked: bool) -> str | None:
    """Why a request is refused, in one line; None if it may pass.

    `web_host` is the address that the UI listens on.
    """
    host = headers.get("Host")
    if host is not None and not is_own(host, web_host):
        name = "127.0.0.1" if web_host in EVERY_INTERFACE else web_host
        return f"refused: the request is for another host; open {scheme}://{name}:{port} itself"
    origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
    if origin is None and site in (None, "same-origin", "none"):
        return None
    if origin is not None and host is not None and origin.lower() == f"{scheme}://{host}".lower():
        return None
    navigates = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    if origin is None and navigates and may_be_linked:
        return None
    return "refused: the request comes from another site; use the web UI's own page"


def is_own(host: str, web_host: str) -> bool:
    """Whether a Host header names this UI. A name that an attacker points to this machine doesn't.

    The port doesn't matter: checking it would stop no such name, but everyone who uses a forwarded port.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if web_host in EVERY_INTERFACE and (_is_address(name) or name == socket.gethostname().lower()):
        return True
    return is_loopback(name) or name == web_host.lower()


def _is_address(name: str) -> bool:
    """Whether it is an IP address, which an attacker can't point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
