"""Certificates for agents that use HTTPS, from an authority that exists as long as the fleet."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cached_property
from typing import Any

import trustme


class Authority:
    """Issues the agents' one certificate. Clients must trust the authority's own. No key is left on disk."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    @property
    def pem(self) -> str:
        return self._authority.cert_pem.bytes().decode("ascii")

    def server_context(self, new_context: Callable[..., Any], *hosts: str) -> ssl.SSLContext:
        """A context of the type that the server uses, with a certificate for these hosts."""
        context: ssl.SSLContext = new_context(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*hosts).configure_cert(context)
        return context

    @cached_property
    def client_context(self) -> ssl.SSLContext:
        """A context that trusts this authority."""
        return ssl.create_default_context(cadata=self.pem)
