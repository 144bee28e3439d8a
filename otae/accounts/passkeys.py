"""Passkeys of administrators (WebAuthn): what browsers are asked for, and what they answer (docs/adr/0039).

A challenge is sealed into the page's form, with its purpose and its end, and works once. Every passkey is one that can
be found without a user name and that verifies its person, so that it signs in alone.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

import structlog
import webauthn
from webauthn.helpers import bytes_to_base64url, generate_challenge, parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from otae.errors import SlowDown
from otae.store import browser_seals, failure_counters
from otae.store.desk import Desk
from otae.store.models import Administrator, Passkey
from otae.store.passwords import hash_token

#: How long a page's challenge may be answered.
CHALLENGE_LIFE: Final = timedelta(minutes=10)
#: Most characters of a browser's answer.
LONGEST_ANSWER: Final = 20_000
REGISTER, SIGN_IN = "register", "sign in"
_VERIFIED: Final = UserVerificationRequirement.REQUIRED

log = structlog.get_logger("otae.accounts")


@dataclass(frozen=True)
class Question:
    """What a page asks the browser. ``options``: JSON for its script; ``challenge``: sealed, for its form."""

    options: str
    challenge: str = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What a form brings back: the browser's credential as JSON, and the question's sealed challenge."""

    credential: str = field(default="", repr=False)
    challenge: str = field(default="", repr=False)


def relying_party(desk: Desk) -> str:
    """Return the host name that passkeys are bound to; "" where PUBLIC_URL has an IP address, which cannot have any."""
    host = desk.settings.public_host
    try:
        ip_address(host)
    except ValueError:
        return host
    return ""


async def ask_to_register(desk: Desk, row: Administrator, known: Iterable[Passkey], *, now: datetime) -> Question:
    """Return the question for a new passkey; ``known``: those that the administrator has, which are not made twice."""
    challenge = generate_challenge()
    options = webauthn.generate_registration_options(
        rp_id=relying_party(desk),
        rp_name="otae",
        user_id=row.id.bytes,
        user_name=row.name,
        user_display_name=row.display_name or row.name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_VERIFIED
        ),
        exclude_credentials=_described(known),
    )
    sealed = await _seal(desk, f"{REGISTER} {row.id}", challenge, now)
    return Question(webauthn.options_to_json(options), sealed)


async def read_new(desk: Desk, row: Administrator, answer: Answer, *, now: datetime) -> Passkey | None:
    """Return the passkey that a browser made, not stored yet; None when the answer is not to be believed."""
    challenge = await _take_challenge(desk, f"{REGISTER} {row.id}", answer, now)
    if challenge is None:
        return None
    try:
        made = webauthn.verify_registration_response(
            credential=answer.credential,
            expected_challenge=challenge,
            expected_rp_id=relying_party(desk),
            expected_origin=desk.settings.public_url,
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001 - whatever cannot be read or believed is refused
        log.info("passkey refused", reason=str(error)[:200])
        return None
    credential_id = bytes_to_base64url(made.credential_id)
    passkey = Passkey(administrator_id=row.id, credential_id=credential_id, credential_hash=hash_token(credential_id))
    passkey.public_key, passkey.sign_count, passkey.created_at = made.credential_public_key, made.sign_count, now
    return passkey


async def ask(desk: Desk, purpose: str, known: Iterable[Passkey] = (), *, now: datetime) -> Question | None:
    """Return the question for an existing passkey; None where there cannot be any.

    Args:
        purpose: What the answer is good for; with whose it is, unless anybody's will do.
        known: The passkeys that are asked for; none for any of this server's.
    """
    if not relying_party(desk):
        return None
    challenge = generate_challenge()
    options = webauthn.generate_authentication_options(
        rp_id=relying_party(desk),
        challenge=challenge,
        allow_credentials=_described(known),
        user_verification=_VERIFIED,
    )
    return Question(webauthn.options_to_json(options), await _seal(desk, purpose, challenge, now))


async def ask_anybody(desk: Desk, *, now: datetime) -> Question | None:
    """Return the question for whichever passkey of this server signs somebody in; None while there is none."""
    return await ask(desk, SIGN_IN, now=now) if await Passkey.exists() else None


async def check(desk: Desk, purpose: str, answer: Answer, *, now: datetime) -> Passkey | None:
    """Return the passkey that answered, with its administrator; None when the answer is not to be believed.

    A sign counter that does not grow is refused: the passkey was copied. Passkeys that do not count always send 0.
    """
    challenge = await _take_challenge(desk, purpose, answer, now)
    if challenge is None:
        return None
    try:
        given = parse_authentication_credential_json(answer.credential)
        found = Passkey.filter(credential_hash=hash_token(bytes_to_base64url(given.raw_id)))
        passkey = await found.select_related("administrator").first()
        if passkey is None or given.response.user_handle not in (None, passkey.administrator_id.bytes):
            return None
        checked = webauthn.verify_authentication_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=relying_party(desk),
            expected_origin=desk.settings.public_url,
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001 - whatever cannot be read or believed is refused
        log.info("passkey refused", reason=str(error)[:200])
        return None
    unchanged = Passkey.filter(id=passkey.id, sign_count=passkey.sign_count)
    stored = await unchanged.update(sign_count=checked.new_sign_count, used_at=now)
    return passkey if stored == 1 else None


async def _take_challenge(desk: Desk, purpose: str, answer: Answer, now: datetime) -> bytes | None:
    """Return the challenge that an answer belongs to, once."""
    if len(answer.credential) > LONGEST_ANSWER or not _is_object(answer.credential):
        return None
    challenge = await browser_seals.open_sealed(desk, _purpose(purpose), answer.challenge, now=now)
    if challenge is None:
        return None
    once = failure_counters.Limit(1, 2 * CHALLENGE_LIFE)
    try:
        await failure_counters.count(f"passkey:{hash_token(challenge.hex())}", once, now)
    except SlowDown:
        return None
    return challenge


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


async def _seal(desk: Desk, purpose: str, challenge: bytes, now: datetime) -> str:
    return await browser_seals.seal(desk, _purpose(purpose), challenge, until=now + CHALLENGE_LIFE)


def _purpose(purpose: str) -> str:
    return f"otae passkey: {purpose}"


def _described(known: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=webauthn.base64url_to_bytes(each.credential_id)) for each in known]
