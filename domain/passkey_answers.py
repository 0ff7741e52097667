"""Passkeys as browsers speak of them (WebAuthn): what is asked, and whether an answer is true.

The package `webauthn` checks type, challenge, origin, site, presence, verification and signature. Around it: answers
have a size and a form before it sees them, only attestations that need no roots are looked at, answers from within
another site's frame are refused, and whatever it raises is one and the same refusal.

To import this takes a tenth of a second of CPU: it is done when the first passkey is asked for, not at the start.
"""

import json
from typing import Any

import msgspec
import webauthn
from webauthn import helpers
from webauthn.helpers import structs
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm

from domain.errors import NotAllowed
from domain.passkey_forms import Assertion, NewKey
from domain.passkey_site import Site
from domain.people import Passkey, User

ALGORITHMS = [Algorithm.EDDSA, Algorithm.ECDSA_SHA_256, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]
# Asked for "none", a browser may leave an attestation in place that the authenticator made with the new key itself.
FORMATS = ("none", "packed")
MAX_KEY = 1_024  # bytes; RSA of 4,096 bits takes 530
TIMEOUT_MS = 300_000  # as long as the challenge lasts


class Verified(msgspec.Struct, frozen=True):
    id: str
    public_key: bytes
    sign_count: int


def ask_to_make(site: Site, user: User, there: list[Passkey], challenge: bytes) -> dict[str, Any]:
    """Return the options of navigator.credentials.create(), as JSON takes them."""
    options = webauthn.generate_registration_options(
        rp_id=site.id,
        rp_name=site.name,
        user_id=user.id.encode(),  # what comes back at sign-in; nothing of the person is in it
        user_name=user.username,
        user_display_name=user.username,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        attestation=structs.AttestationConveyancePreference.NONE,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(there),
        supported_pub_key_algs=ALGORITHMS,
    )
    return _plain(webauthn.options_to_json(options))


def ask_to_sign(site: Site, allowed: list[Passkey], challenge: bytes) -> dict[str, Any]:
    """Return the options of navigator.credentials.get(); with none allowed the person chooses among all they have."""
    options = webauthn.generate_authentication_options(
        rp_id=site.id,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        allow_credentials=_described(allowed),
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return _plain(webauthn.options_to_json(options))


def challenge_in(answer: NewKey | Assertion) -> bytes:
    """Return the challenge that an answer says it is for. Raises NotAllowed("passkey_bad")."""
    try:
        client = helpers.parse_client_data_json(helpers.base64url_to_bytes(answer.response.client))
    except Exception as error:
        raise NotAllowed("passkey_bad") from error
    if client.cross_origin:
        raise NotAllowed("passkey_bad")
    return client.challenge


def check_made(site: Site, answer: NewKey, challenge: bytes) -> Verified:
    """Raises NotAllowed("passkey_bad")."""
    try:
        given = helpers.parse_attestation_object(helpers.base64url_to_bytes(answer.response.attestation))
        if given.fmt not in FORMATS:
            raise NotAllowed("passkey_bad")
        found = webauthn.verify_registration_response(
            credential=msgspec.to_builtins(answer),
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
        key = helpers.decode_credential_public_key(found.credential_public_key)
        helpers.decoded_public_key_to_cryptography(key)  # now, not at the first sign-in
    except Exception as error:  # for hostile objects it raises KeyError, TypeError and more besides its own
        raise NotAllowed("passkey_bad") from error
    same = helpers.bytes_to_base64url(found.credential_id) == answer.id
    if not same or len(found.credential_public_key) > MAX_KEY:
        raise NotAllowed("passkey_bad")
    return Verified(answer.id, found.credential_public_key, found.sign_count)


def check_signed(site: Site, answer: Assertion, passkey: Passkey, challenge: bytes) -> int:
    """Return the new count of signatures; judging it is the caller's. Raises NotAllowed("passkey_bad")."""
    try:
        found = webauthn.verify_authentication_response(
            credential=msgspec.to_builtins(answer),
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:
        raise NotAllowed("passkey_bad") from error
    return found.new_sign_count


def owner_in(answer: Assertion) -> str:
    """Return the id of the user whom the passkey was made for, "" when it does not say."""
    if answer.response.user is None:
        return ""
    try:
        return helpers.base64url_to_bytes(answer.response.user).decode("ascii")
    except ValueError:
        return "?"


def _described(passkeys: list[Passkey]) -> list[structs.PublicKeyCredentialDescriptor]:
    return [structs.PublicKeyCredentialDescriptor(id=helpers.base64url_to_bytes(one.id)) for one in passkeys]


def _plain(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
