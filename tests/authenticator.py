"""A passkey in software, for tests: it answers as a browser would, and lies where a test tells it to."""

import base64
import hashlib
import json
import secrets
from typing import Any

import cbor2
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from domain.passkey_forms import Assertion, NewKey

PRESENT, VERIFIED, WITH_KEY = 1, 4, 64  # flags of authenticator data
Made = dict[str, Any]


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def data(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "===")


class Authenticator:
    """Holds one credential, of the user whom it was made for."""

    def __init__(self, origin: str, counts: bool = True) -> None:
        self.origin, self.counts = origin, counts
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.user = b""
        self.site = ""
        self.count = 0

    def create(self, options: Made, **lies: Any) -> Made:
        """Answer navigator.credentials.create(). `lies` replace parts of the answer, see _client and _data."""
        self.user, self.site = data(options["user"]["id"]), options["rp"]["id"]
        client = self._client("webauthn.create", options, lies)
        held = lies.get("credential", self.id)
        key = b"\0" * 16 + len(held).to_bytes(2, "big") + held + cbor2.dumps(lies.get("cose", self.cose()))
        auth = self._data(WITH_KEY, lies) + lies.get("key", key)
        whole = {"fmt": lies.get("fmt", "none"), "attStmt": lies.get("statement", {}), "authData": auth}
        attestation = lies.get("attestation", cbor2.dumps(whole))
        return self._answer({"clientDataJSON": text(client), "attestationObject": text(attestation)}, lies)

    def get(self, options: Made, **lies: Any) -> Made:
        """Answer navigator.credentials.get()."""
        client = self._client("webauthn.get", options, lies)
        auth = self._data(0, lies)
        signed = lies.get("signer", self.key).sign(auth + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": text(client),
            "authenticatorData": text(auth),
            "signature": text(lies.get("signature", signed)),
        }
        user = lies.get("user", self.user)
        if user is not None:
            response["userHandle"] = text(user)
        return self._answer(response, lies)

    def cose(self) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def _client(self, kind: str, options: Made, lies: Made) -> bytes:
        client = {
            "type": lies.get("type", kind),
            "challenge": lies.get("challenge", options["challenge"]),
            "origin": lies.get("origin", self.origin),
            "crossOrigin": lies.get("cross_origin", False),
        }
        return lies.get("client") or json.dumps(client).encode()

    def _data(self, more: int, lies: Made) -> bytes:
        self.count += self.counts
        flags = lies.get("flags", PRESENT | VERIFIED) | more
        site = hashlib.sha256(lies.get("site", self.site).encode()).digest()
        return site + bytes([flags]) + int(lies.get("count", self.count)).to_bytes(4, "big")

    def _answer(self, response: Made, lies: Made) -> Made:
        return {
            "id": lies.get("id", text(self.id)),
            "rawId": lies.get("raw", text(self.id)),
            "type": "public-key",
            "response": response,
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
        }


def new_key(answer: Made) -> NewKey:
    return msgspec.convert(answer, NewKey)


def assertion(answer: Made) -> Assertion:
    return msgspec.convert(answer, Assertion)
