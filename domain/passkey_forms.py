"""What browsers send of passkeys, as their toJSON() writes it: their size and form. Nothing is checked yet."""

from typing import Annotated

import msgspec

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_-]+\Z")]
_Blob = Annotated[str, msgspec.Meta(min_length=1, max_length=8_192, pattern=r"^[A-Za-z0-9_-]+\Z")]


class Made(msgspec.Struct, frozen=True):
    client: _Blob = msgspec.field(name="clientDataJSON")
    attestation: _Blob = msgspec.field(name="attestationObject")


class Signature(msgspec.Struct, frozen=True):
    client: _Blob = msgspec.field(name="clientDataJSON")
    data: _Blob = msgspec.field(name="authenticatorData")
    signature: _Blob = msgspec.field(name="signature")
    user: _Blob | None = msgspec.field(name="userHandle", default=None)


class NewKey(msgspec.Struct, frozen=True):
    """What navigator.credentials.create() gave, as its toJSON() writes it."""

    id: _Id
    raw: _Id = msgspec.field(name="rawId")
    type: str
    response: Made


class Assertion(msgspec.Struct, frozen=True):
    """What navigator.credentials.get() gave."""

    id: _Id
    raw: _Id = msgspec.field(name="rawId")
    type: str
    response: Signature
