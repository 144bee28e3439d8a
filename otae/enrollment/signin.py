"""Signing in at the portal: through the mailed link, or at the login page that anybody can open.

Every try is counted and committed before the factor is checked, and given back when it was right, so that tries sent at
the same moment count like tries sent in turn. All factors are always checked: neither the answer nor its number of
hashes reveals which entry was wrong, or whether there is such a person.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.accounts import guess_alerts, throttle
from otae.accounts.throttle import Attempt
from otae.branding.portal_texts import PortalTextRow
from otae.enrollment import approvals, credentials, pin_tries, terms_of_use
from otae.enrollment.credentials import CredentialCheck
from otae.enrollment.pin_tries import CountedTry
from otae.enrollment.sessions import open_session
from otae.errors import DirectoryUnavailable, InputRefused, InvitationOnly, ModeOff, NotAllowed, SigninFailed
from otae.invitations import lifecycle, mac_rules, pins
from otae.invitations.modes import all_modes, known_mode
from otae.store import failure_counters, passwords, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.mode_table import MODES, NO_APPROVAL, SELF_START, Mode
from otae.store.models import EnrollmentSession, Event, Invitation, Person
from otae.store.records import About, about, bind_refusal, note, note_refusal
from otae.store.states import InvitationStatus
from otae.store.support_codes import new_refusal_code
from otae.translatable import N_

#: Counter of failures at the login page in an hour, over everybody; its limit is enrollment.guess.budget.
BUDGET: Final = "enrollment.guess"
#: Counter of names entered that belong to nobody.
UNKNOWN_NAMES: Final = "signin.made-up"
#: The same refusal of the same invitation within this time is recorded once.
SAME_REFUSAL = timedelta(minutes=1)

log = structlog.get_logger("otae.enrollment")


@dataclass(frozen=True)
class SignInEntry:
    """What somebody entered.

    ``invitation``: the one whose link was followed; ``network``: the browser's IP address; ``terms_of_use``: the
    SHA-256 of the terms that were accepted; ``by_code``: the invitation that a code opened, which is no factor.
    """

    name: str
    password: str = field(default="", repr=False)
    pin: str = field(default="", repr=False)
    invitation: Invitation | None = None
    network: str = ""
    terms_of_use: str = ""
    by_code: Invitation | None = None


@dataclass(frozen=True)
class FailedSignIn:
    """What was wrong, by the invitation concerned (None: no invitation), for administrators only.

    ``nobody``: the name belongs to nobody; the name is not stored then.
    """

    lines: list[tuple[Invitation | None, str]]
    person: Person | None = None
    nobody: bool = False


async def sign_in(desk: Desk, entry: SignInEntry, *, now: datetime) -> EnrollmentSession:
    """Check what was entered and open an enrollment session.

    Every refusal but InputRefused and InvitationOnly is recorded and carries its support code.

    Raises:
        SigninFailed, SlowDown: Something was wrong, or there were too many tries.
        InputRefused: "name", "password" or "pin" was left empty, or "terms_of_use" is not what is to be accepted.
        InvitationOnly: At the login page, when it is switched off and no code was entered.
        NotAllowed: For a link or a code, as `lifecycle.check_usable`.
    """
    with passwords.sign_in_slot(desk.resources, entry.network):
        if entry.invitation is None:
            return await _sign_in_at_login_page(desk, entry, now)
        await entry.invitation.refresh_from_db()
        return await _sign_in_through_link(desk, entry, entry.invitation, now)


async def check_password(desk: Desk, entry: SignInEntry, *, now: datetime) -> tuple[Person, str]:
    """Check a user name and a password for the self-service page, counted and answered as at the login page.

    Returns:
        The person, and `DirectoryPerson.password_changed`.

    Raises:
        SigninFailed, SlowDown: Something was wrong, or there were too many tries.
        InputRefused: "name" or "password" was left empty.
        DirectoryUnavailable: The directory did not answer; no try is counted.
    """
    with passwords.sign_in_slot(desk.resources, entry.network):
        _require_fields(entry, MODES[SELF_START])
        attempt = await _begin_public_attempt(desk, entry, now)
        async with _record_refusals(None, now), _give_back_on_outage(attempt):
            proof = await credentials.check_at_login_page(desk, entry.name, entry.password, attempt, now=now)
        if proof.right:
            await attempt.give_back_to_accounts()
        if proof.person is None or not proof.right:
            line = proof.reason or "the person is disabled" if proof.person is None else _describe_password(proof)
            lines: list[tuple[Invitation | None, str]] = [(None, f"{line} at the self-service page")]
            raise await _record_failure(FailedSignIn(lines, proof.person, proof.nobody), entry, now)
        await attempt.succeed()
        await Person.filter(id=proof.person.id).update(signed_in_at=now)
        return proof.person, proof.password_changed


async def start(desk: Desk, person: Person, terms: str, *, now: datetime) -> EnrollmentSession:
    """Open an enrollment session for somebody who has just proven their password on the self-service page.

    As at the login page: with the oldest live invitation for user name and password, else without one.

    Args:
        terms: The SHA-256 of the terms of use that were accepted, "" for none.

    Raises:
        InputRefused: "terms_of_use": As `terms_of_use.accepted`.
        InvitationOnly: The login page is switched off.
        ModeOff: Nobody may start without an invitation.
    """
    if not await properties.flag("macos.otae.enable"):
        raise InvitationOnly
    mode = await known_mode(SELF_START)
    accepted = await terms_of_use.accepted(terms)
    return await _open_session(desk, person, await _live(person, [mode], now).first(), mode, None, accepted, now=now)


async def may_start(person: Person, *, now: datetime) -> bool:
    """Return whether `start` lets ``person`` enroll a Mac."""
    if not await properties.flag("macos.otae.enable"):
        return False
    mode = await known_mode(SELF_START)
    return mode.enabled or await _live(person, [mode], now).exists()


async def _sign_in_through_link(
    desk: Desk, entry: SignInEntry, invitation: Invitation, now: datetime
) -> EnrollmentSession:
    """Sign in with the factors of the invitation's mode, for the person whom the link was sent to."""
    person = await Person.get(id=invitation.person_id)
    attempt = await throttle.begin(desk, throttle.LINK, entry.network, now)
    async with _record_refusals(invitation, now):
        lifecycle.check_usable(invitation, now=now)
        mode = await known_mode(invitation.mode)
        _require_fields(entry, mode)
        accepted = await terms_of_use.accepted(entry.terms_of_use)
        if mode.authentication:
            await attempt.count(str(person.id), over=str(invitation.id))
        async with _give_back_on_outage(attempt):
            proof = await credentials.check_through_link(
                desk,
                person,
                entry.name if mode.identification else None,
                entry.password if mode.authentication else None,
                attempt,
                now=now,
            )
    # With another name, or for somebody disabled, nothing can be right: all is checked alike, but no PIN try is used.
    known, password_right = proof.person is not None, proof.right
    counted = await pin_tries.count(invitation, "link_tries", mode, now) if mode.secret and known else None
    pin_right = not mode.secret or await pins.verify(desk, counted.pin if counted else None, entry.pin)
    if counted and pin_right:
        pin_right = await pin_tries.give_back(counted, "link_tries")
    if password_right:
        await attempt.give_back_to_accounts()
    if known and password_right and pin_right:
        return await _open_session(desk, person, invitation, mode, attempt, accepted, now=now)
    wrong = [] if password_right else [_describe_password(proof)]
    wrong += [] if pin_right else [pin_tries.describe(counted)]
    line = " and ".join(wrong) if known else "another user name, or the person is disabled"
    refusal = await _record_failure(FailedSignIn([(invitation, line)], person), entry, now)
    if counted and not pin_right and counted.number == counted.limit and await pin_tries.is_spent(counted):
        await lifecycle.fail(counted.invitation, now=now, why="the tries of the PIN are used up")
    raise refusal


async def _sign_in_at_login_page(desk: Desk, entry: SignInEntry, now: datetime) -> EnrollmentSession:
    """Sign in with a user name and a password or PIN; the invitation, if one is needed, is found by them."""
    if entry.by_code:
        await entry.by_code.refresh_from_db()
        async with _record_refusals(entry.by_code, now):
            lifecycle.check_usable(entry.by_code, now=now)
            _require_fields(entry, await known_mode(entry.by_code.mode))
    elif not await properties.flag("macos.otae.enable"):
        raise InvitationOnly
    if not entry.name.strip() or not (entry.password or entry.pin):
        raise InputRefused({"password" if entry.name.strip() else "name": N_("please fill this in")})
    accepted = await terms_of_use.accepted(entry.terms_of_use)
    attempt = await _begin_public_attempt(desk, entry, now)
    async with _record_refusals(None, now), _give_back_on_outage(attempt):
        if entry.password:
            proof = await credentials.check_at_login_page(desk, entry.name, entry.password, attempt, now=now)
        else:  # with a PIN alone no directory is asked, so that it works while one is unavailable
            proof = await credentials.find_known_person(entry.name)
    person, password_right = proof.person, proof.right
    counted = await _count_pins(person, entry, now) if person and entry.pin else []
    found = await pin_tries.find_match(desk, counted, entry.pin) if entry.pin else None
    if found:
        active = {each: await pin_tries.give_back(each, "bare_tries") for each in counted}
        found = found if active[found] else None
    if password_right:
        await attempt.give_back_to_accounts()
    outcome = await _decide(proof, entry, counted, found, now=now)
    if isinstance(outcome, FailedSignIn) or person is None:
        raise await _record_failure(outcome if isinstance(outcome, FailedSignIn) else FailedSignIn([]), entry, now)
    await attempt.give_back_to_limits()
    mode, invitation = outcome
    return await _open_session(desk, person, invitation, mode, attempt if password_right else None, accepted, now=now)


async def _begin_public_attempt(desk: Desk, entry: SignInEntry, now: datetime) -> Attempt:
    """Count an attempt at a page that anybody can open; SlowDown when it has to wait."""
    account = await credentials.throttle_account(entry.name) if entry.password else ""
    attempt = await throttle.begin(desk, throttle.BARE, entry.network, now)
    async with _record_refusals(None, now):
        budget = await properties.number("enrollment.guess.budget")
        share = await properties.number("enrollment.guess.network")
        await throttle.count_public_attempt(attempt, account, {"": share, BUDGET: budget})
    return attempt


async def _decide(
    proof: CredentialCheck, entry: SignInEntry, counted: list[CountedTry], found: CountedTry | None, *, now: datetime
) -> FailedSignIn | tuple[Mode, Invitation | None]:
    """Decide on what was entered at the login page: the mode and invitation that it opens, or what was wrong."""
    person, password_right = proof.person, proof.right
    if person is None:
        return FailedSignIn([(None, proof.reason or "the person is disabled")], nobody=proof.nobody)
    if entry.pin and found is None:
        lines: list[tuple[Invitation | None, str]] = [
            (each.invitation, f"{pin_tries.describe(each)} at the login page") for each in counted
        ]
        return FailedSignIn(lines or [(None, "no invitation takes a PIN at the login page")], person)
    invitation: Invitation | None
    if found:
        mode, invitation = await known_mode(found.invitation.mode), found.invitation
        right = password_right or not mode.authentication
    else:
        mode, right = await known_mode(SELF_START), password_right
        invitation = await _live(person, [mode], now, entry.by_code).first()
        if entry.by_code and invitation is None:  # never without an invitation where a code opened one
            return FailedSignIn([(None, "not the person or the mode that the code is for")], person)
    if right:
        return mode, invitation
    return FailedSignIn([(invitation, f"{_describe_password(proof)} at the login page")], person)


async def _open_session(
    desk: Desk,
    person: Person,
    invitation: Invitation | None,
    mode: Mode,
    attempt: Attempt | None,
    accepted: PortalTextRow | None,
    *,
    now: datetime,
) -> EnrollmentSession:
    """Open the session, unless the invitation ended while its factors were checked; ask for approval if needed."""
    if invitation:
        await invitation.refresh_from_db()
        async with _record_refusals(invitation, now):
            lifecycle.check_usable(invitation, now=now)
            await _check_rules(person, invitation, invitation.ownership)
        ownership = invitation.ownership
    elif mode.enabled:
        ownership = await properties.word("enrollment.selfstart.ownership")
        async with _record_refusals(None, now):
            await _check_rules(person, None, ownership)
        if mode.approval != NO_APPROVAL:
            invitation = await approvals.self_start(desk, person, mode, ownership, now=now)
    else:
        async with _record_refusals(None, now):
            raise ModeOff(f"{mode.title} is off: nobody starts without an invitation")
    if attempt:
        await attempt.succeed()
    await Person.filter(id=person.id).update(signed_in_at=now)
    session = await open_session(
        person=person, invitation=invitation, mode=mode.name, ownership=ownership, terms_of_use=accepted, now=now
    )
    if invitation:
        await approvals.ask(desk, invitation, person, mode, now=now)
    return session


async def _check_rules(person: Person, invitation: Invitation | None, ownership: str) -> None:
    """Check what is known of the Mac before it answers; raises as `mac_rules` does."""
    if invitation and invitation.rehearsal:
        return
    serial = (invitation.serial if invitation else None) or ""
    await mac_rules.check_ownership(ownership)
    if serial:
        await mac_rules.check_serial(ownership, serial)
    await mac_rules.check_number(person.id, serial=serial)


def _require_fields(entry: SignInEntry, mode: Mode) -> None:
    """Raise InputRefused for a form that lacks what the mode asks for; nothing is tried or counted."""
    asked = (
        ("name", mode.identification, entry.name),
        ("password", mode.authentication, entry.password),
        ("pin", mode.secret, entry.pin),
    )
    if gaps := {name: N_("please fill this in") for name, needed, given in asked if needed and not given.strip()}:
        raise InputRefused(gaps)


async def _count_pins(person: Person, entry: SignInEntry, now: datetime) -> list[CountedTry]:
    """Count a try on each PIN of this person that the login page accepts, for the oldest `BARE_PINS` invitations."""
    modes = {mode.name: mode for mode in await all_modes() if mode.secret and not mode.token}
    counted: list[CountedTry] = []
    async for invitation in _live(person, list(modes.values()), now, entry.by_code):
        if len(counted) < pin_tries.BARE_PINS and (
            one := await pin_tries.count(invitation, "bare_tries", modes[invitation.mode], now)
        ):
            counted.append(one)
    return counted


def _live(person: Person, modes: list[Mode], now: datetime, only: Invitation | None = None) -> QuerySet[Invitation]:
    """Return the person's invitations of ``modes`` that work, oldest first; with ``only`` no other one than that."""
    rows = Invitation.filter(id=only.id) if only else Invitation.all()
    return rows.filter(
        Q(valid_until=None) | Q(valid_until__gt=now),
        person_id=person.id,
        status=InvitationStatus.PENDING,
        mode__in=[mode.name for mode in modes],
    ).order_by("created_at", "id")


def _describe_password(proof: CredentialCheck) -> str:
    """Return "password", with the directory's reason if it gave one."""
    more = "" if proof.reason in {"", "wrong password", "invalidCredentials"} else f" ({proof.reason})"
    return f"password{more}"


async def _record_failure(miss: FailedSignIn, entry: SignInEntry, now: datetime) -> SigninFailed:
    """Record what was wrong, once for each invitation concerned, and return the refusal, which reveals none of it.

    A name that belongs to nobody is counted and logged only: strangers must not fill the timeline.
    """
    refusal = SigninFailed()
    known = entry.invitation or entry.by_code
    own_code = known.support_code if known else None
    refusal.support_code = own_code or new_refusal_code()
    bind_refusal(refusal.code, refusal.support_code, "; ".join(line for _invitation, line in miss.lines))
    await guess_alerts.look_at_names(throttle.FAILURES, entry.network, now=now)
    if miss.nobody:
        await failure_counters.increment(UNKNOWN_NAMES, now)
        return refusal
    async with transaction():
        for invitation, line in miss.lines:
            subject = about(invitation) if invitation else About(person_id=miss.person.id if miss.person else None)
            await note(
                "signin.failed",
                now=now,
                about=subject,
                detail=f"{line}{guess_alerts.FROM}{entry.network or 'an unknown address'}",
                code=refusal.code,
                support_code=refusal.support_code,
            )
    for invitation, _line in miss.lines:
        if invitation:
            await guess_alerts.look_at_invitation(invitation, now=now)
    return refusal


@asynccontextmanager
async def _give_back_on_outage(attempt: Attempt) -> AsyncIterator[None]:
    """Give counted tries back when the block could not check the password because a directory was unavailable."""
    try:
        yield
    except DirectoryUnavailable as refusal:
        log.warning("a directory is not available", reason=refusal.detail)
        await attempt.give_back()
        raise


@asynccontextmanager
async def _record_refusals(invitation: Invitation | None, now: datetime) -> AsyncIterator[None]:
    """Record a refusal raised in the block, once within `SAME_REFUSAL`, and set its support code."""
    try:
        yield
    except NotAllowed as refusal:
        concerned = about(invitation) if invitation else About()
        same = Event.filter(
            kind="refused", code=refusal.code, invitation_id=concerned.invitation_id, at__gt=now - SAME_REFUSAL
        )
        seen = await same.filter(session_id=None).first()
        refusal.support_code = seen.support_code if seen else await note_refusal(refusal, now=now, about=concerned)
        raise
