"""ANP: every question carries its own ES256 JWT, which contains the coordinator's whole DID document (~6.9 KB).

    POST /message  Authorization: Bearer JWT
                   {"text": QUESTION, "anp_metadata": {"protocol": "anp", "coordinator_id": …, "timestamp": …,
                    "message_type": "qa_question", "encryption": "e2e", "authentication": "did",
                    "coordinator_did": …, "authenticated": true}}
            → {"events": [{"type": "agent_text_message", "data": ANSWER, "anp_metadata": {…}}], "anp_metadata": {…}}

The DID ends in `k1_` and the RFC 7638 thumbprint of its key, like the key-bound DIDs of did:wba. A token therefore
proves by itself that its signer holds the DID: an agent checks the thumbprint, then the signature, then the claims.
This is authentication, not authorization: any coordinator may create a DID.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from fanout.json_object import JsonObject
from fanout.protocols._wire import (
    JSON_HEADERS,
    AgentEnd,
    BadRequest,
    BadResponse,
    CoordinatorEnd,
    Message,
    Protocol,
    Question,
    Reply,
    first_event,
    request_object,
    shown,
    text_at,
    to_json,
)

AUDIENCE = "anp-agent"
TOKEN_LIFETIME_S = 300
MESSAGING_KEYS = 8
"""Keys for end-to-end messages, besides the authentication key. They give the document the size seen in the field."""


def new_jwk() -> tuple[ec.EllipticCurvePrivateKey, dict[str, str]]:
    """A new P-256 key and its public JWK."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key, ECAlgorithm.to_jwk(key.public_key(), as_dict=True)


def thumbprint(jwk: JsonObject) -> str:
    """The SHA-256 thumbprint (RFC 7638) of a public P-256 JWK."""
    canonical = {name: jwk.get(name) for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(canonical, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def did_document(did: str, jwk: Mapping[str, str]) -> JsonObject:
    """A coordinator's DID document. Its first verification method is the signing key."""
    keys = [dict(jwk), *(new_jwk()[1] for _ in range(MESSAGING_KEYS))]
    methods = [
        {"id": f"{did}#key-{n}", "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": key}
        for n, key in enumerate(keys)
    ]
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
        "id": did,
        "verificationMethod": methods,
        "authentication": [methods[0]["id"]],
        "keyAgreement": [method["id"] for method in methods[1:]],
        "service": [{"id": f"{did}#messages", "type": "AgentMessageService", "serviceEndpoint": "http://localhost/"}],
    }


class AnpCoordinator(CoordinatorEnd):
    def __init__(self) -> None:
        self._key, jwk = new_jwk()
        self.coordinator_id = f"coordinator-{uuid.uuid4().hex[:8]}"
        self.did = f"did:wba:localhost:{self.coordinator_id}:k1_{thumbprint(jwk)}"
        self._document = did_document(self.did, jwk)

    def encode(self, question: Question) -> Message:
        body = {"text": question.text, "anp_metadata": self._metadata()}
        headers = {**JSON_HEADERS, "Authorization": f"Bearer {self.token()}"}
        return Message(headers, to_json(body))

    def token(self) -> str:
        """A new token, for one question."""
        now = int(time.time())
        claims = {
            "iss": self.did,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + TOKEN_LIFETIME_S,
            "jti": uuid.uuid4().hex,
            "did_document": self._document,
        }
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": f"{self.did}#key-0"})

    def _metadata(self) -> JsonObject:
        return {
            "protocol": "anp",
            "coordinator_id": self.coordinator_id,
            "timestamp": time.time(),
            "message_type": "qa_question",
            "encryption": "e2e",
            "authentication": "did",
            "coordinator_did": self.did,
            "authenticated": True,
        }

    def decode(self, body: JsonObject) -> str:
        event = first_event(body)
        answer = text_at(event, "data")
        if answer is None:
            raise BadResponse(f"expected a text at events[0].data, got {shown(event)}")
        return answer


def verified_did(authorization: str) -> str:
    """The DID proved by an Authorization header. Raises BadRequest with status 401."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise BadRequest("no bearer token", status=401)
    try:
        unverified = jwt.decode(token, options={"verify_signature": False})
        jwk = unverified["did_document"]["verificationMethod"][0]["publicKeyJwk"]
        did = unverified["iss"]
        if not isinstance(did, str) or not did.endswith(f":k1_{thumbprint(jwk)}"):
            raise BadRequest("the token's key is not its DID's", status=401)
        jwt.decode(
            token,
            jwt.PyJWK(jwk, algorithm="ES256"),
            algorithms=["ES256"],
            audience=AUDIENCE,
            options={"require": ["iss", "aud", "iat", "exp", "jti"]},
        )
    except (jwt.PyJWTError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise BadRequest(f"the token is not valid: {type(error).__name__}", status=401) from error
    return did


class AnpAgent(AgentEnd):
    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id

    def read(self, request: Message) -> str:
        did = verified_did(request.headers.get("authorization", ""))
        body = request_object(request)
        if text_at(body, "anp_metadata", "coordinator_did") != did:
            raise BadRequest("anp_metadata.coordinator_did is not the token's DID", status=401)
        text = text_at(body, "text")
        if text is None:
            raise BadRequest("text is missing or not text")
        return text

    def write(self, answer: str) -> Reply:
        metadata = {"protocol": "anp", "agent_id": self.agent_id, "timestamp": time.time(), "encryption": "e2e"}
        event = {"type": "agent_text_message", "data": answer, "anp_metadata": metadata}
        return Reply({"events": [event], "anp_metadata": metadata})

    def refuse(self, refusal: BadRequest) -> JsonObject:
        return {"error": refusal.reason, "anp_metadata": {"protocol": "anp", "agent_id": self.agent_id}}


PROTOCOL = Protocol(path="/message", coordinator=AnpCoordinator, agent=AnpAgent)
