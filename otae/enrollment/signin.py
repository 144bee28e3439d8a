"""Signing in at the portal: through the mailed link, or at the bare login page that anybody can open.

Every try is counted and committed before the factor is looked at, and given back when it was right, so that tries sent
at the same moment count like tries sent in turn. What was given is always looked at in full: neither the answer nor its
number of hashes says which entry was wrong, or whether there is such a person.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.accounts import throttle
from otae.accounts.throttle import Attempt
from otae.enrollment import credentials, pin_tries
from otae.enrollment.credentials import Proof
from otae.enrollment.pin_tries import Counted
from otae.enrollment.sessions import open_session
from otae.errors import DirectoryUnavailable, InputRefused, InvitationOnly, ModeOff, NotAllowed, SigninFailed
from otae.invitations import lifecycle, pins
from otae.invitations.modes import Mode, all_modes, known_mode
from otae.store import failure_counters, passwords, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Event, Invitation, Person, Pin
from otae.store.records import About, about, new_support_code, note, note_refusal, say_refused
from otae.store.states import InvitationStatus

#: The one mode that needs no invitation.
SELF_START = "username_password"
#: Failures an hour at the bare page, over everybody; their number is the property enrollment.guess.budget.
BUDGET: Final = "enrollment.guess"
#: How often a name was entered that nobody has.
MADE_UP: Final = "signin.made-up"
#: The same refusal of the same invitation within this time is recorded once.
SAME_REFUSAL = timedelta(minutes=1)

log = structlog.get_logger("otae.enrollment")


@dataclass(frozen=True)
class Entry:
    """What somebody entered. ``invitation``: the one whose link was followed. ``network``: the browser's address."""

    name: str
    password: str = field(default="", repr=False)
    pin: str = field(default="", repr=False)
    invitation: Invitation | None = None
    network: str = ""


@dataclass(frozen=True)
class Miss:
    """What was wrong, by the invitation concerned (None: none is), for administrators alone.

    ``nobody``: the name is made up, and nothing is kept of it.
    """

    lines: list[tuple[Invitation | None, str]]
    person: Person | None = None
    nobody: bool = False


async def sign_in(desk: Desk, entry: Entry, *, now: datetime) -> EnrollmentSession:
    """Let somebody in and open an enrollment session.

    Raises SigninFailed or SlowDown; InputRefused ("name", "password", "pin") where nothing was entered; InvitationOnly
    at the bare page; and what `lifecycle.check_usable` raises for a link. All but InputRefused and InvitationOnly are
    recorded and carry their support code.
    """
    with passwords.place(entry.network):
        if entry.invitation is None:
            return await _at_the_bare_page(desk, entry, now)
        await entry.invitation.refresh_from_db()
        return await _through_the_link(desk, entry, entry.invitation, now)


async def _through_the_link(desk: Desk, entry: Entry, invitation: Invitation, now: datetime) -> EnrollmentSession:
    person = await Person.get(id=invitation.person_id)
    attempt = await throttle.begin(desk, throttle.LINK, entry.network, now)
    async with _recorded(invitation, now):
        lifecycle.check_usable(invitation, now=now)
        mode = await known_mode(invitation.mode)
        _refuse_gaps(entry, mode)
        if mode.authentication:
            await attempt.count(str(person.id), over=str(invitation.id))
        async with _given_back(attempt):
            proof = await credentials.through_the_link(
                desk,
                person,
                entry.name if mode.identification else None,
                entry.password if mode.authentication else None,
                attempt,
                now=now,
            )
    # Under another name, or for somebody disabled, nothing can be right: looked at as ever, and no PIN is used up.
    known, password_right = proof.person is not None, proof.right
    counted = await pin_tries.count(invitation, "link_tries", mode) if mode.secret and known else None
    pin_right = not mode.secret or await pins.verify(desk, counted.pin if counted else None, entry.pin)
    if counted and pin_right:
        pin_right = await pin_tries.give_back(counted, "link_tries")
    if password_right:
        await attempt.password_was_right()
    if known and password_right and pin_right:
        return await _welcome(person, invitation, mode, attempt, now)
    wrong = [] if password_right else [_password_told(proof)]
    wrong += [] if pin_right else [pin_tries.told(counted)]
    line = " and ".join(wrong) if known else "another user name, or the person is disabled"
    refusal = await _missed(Miss([(invitation, line)], person), entry, now)
    if counted and not pin_right:
        await _fail_when_spent(counted, now)
    raise refusal


async def _at_the_bare_page(desk: Desk, entry: Entry, now: datetime) -> EnrollmentSession:
    if not await properties.flag("macos.otae.enable"):
        raise InvitationOnly
    if not entry.name.strip() or not (entry.password or entry.pin):
        raise InputRefused({"password" if entry.name.strip() else "name": "please fill this in"})
    account = await credentials.counted_as(entry.name) if entry.password else ""
    attempt = await throttle.begin(desk, throttle.BARE, entry.network, now)
    async with _recorded(None, now):
        budget = await properties.number("enrollment.guess.budget")
        share = await properties.number("enrollment.guess.network")
        await throttle.count_public_attempt(attempt, account, {"": share, BUDGET: budget})
    async with _recorded(None, now), _given_back(attempt):
        proof = await _proof(desk, entry, attempt, now)
    person, password_right = proof.person, proof.right
    counted = await _count_pins(person, now) if person and entry.pin else []
    found = await pin_tries.fitting(desk, counted, entry.pin) if entry.pin else None
    if found:
        active = {each: await pin_tries.give_back(each, "bare_tries") for each in counted}
        found = found if active[found] else None
    if password_right:
        await attempt.password_was_right()
    outcome = await _judge(proof, entry, counted, found, now=now)
    if isinstance(outcome, Miss) or person is None:
        raise await _missed(outcome if isinstance(outcome, Miss) else Miss([]), entry, now)
    await attempt.take_back_spent()
    mode, invitation = outcome
    if invitation is None and not mode.enabled:
        async with _recorded(None, now):
            raise ModeOff(f"{mode.title} is off: nobody starts without an invitation")
    return await _welcome(person, invitation, mode, attempt if password_right else None, now)


async def _proof(desk: Desk, entry: Entry, attempt: Attempt, now: datetime) -> Proof:
    """Say who it is; with a PIN alone no directory is asked, so that it is good while one is away."""
    if not entry.password:
        return await credentials.known_by_name(entry.name)
    return await credentials.at_the_bare_page(desk, entry.name, entry.password, attempt, now=now)


async def _judge(
    proof: Proof, entry: Entry, counted: list[Counted], found: Counted | None, *, now: datetime
) -> Miss | tuple[Mode, Invitation | None]:
    """Decide what was entered at the bare page: the mode and invitation that it opens, or what was wrong."""
    person, password_right = proof.person, proof.right
    if person is None:
        return Miss([(None, proof.reason or "the person is disabled")], nobody=proof.nobody)
    if entry.pin and found is None:
        lines: list[tuple[Invitation | None, str]] = [
            (each.invitation, f"{pin_tries.told(each)} at the login page") for each in counted
        ]
        return Miss(lines or [(None, "no invitation takes a PIN at the login page")], person)
    invitation: Invitation | None
    if found:
        mode, invitation = await known_mode(found.invitation.mode), found.invitation
        right = password_right or not mode.authentication
    else:
        mode, right = await known_mode(SELF_START), password_right
        invitation = await _live(person, [mode], now).first()
    return (mode, invitation) if right else Miss([(invitation, f"{_password_told(proof)} at the login page")], person)


async def _welcome(
    person: Person, invitation: Invitation | None, mode: Mode, attempt: Attempt | None, now: datetime
) -> EnrollmentSession:
    """Open the session; an invitation that ended while its factors were looked at opens none."""
    if invitation:
        await invitation.refresh_from_db()
        async with _recorded(invitation, now):
            lifecycle.check_usable(invitation, now=now)
        ownership = invitation.ownership
    else:
        ownership = await properties.word("enrollment.selfstart.ownership")
    if attempt:
        await attempt.succeed()
    await Person.filter(id=person.id).update(signed_in_at=now)
    return await open_session(person=person, invitation=invitation, mode=mode.name, ownership=ownership, now=now)


def _refuse_gaps(entry: Entry, mode: Mode) -> None:
    """Refuse a form that lacks what the mode asks for: nothing was tried, nothing is counted."""
    asked = (
        ("name", mode.identification, entry.name),
        ("password", mode.authentication, entry.password),
        ("pin", mode.secret, entry.pin),
    )
    if gaps := {name: "please fill this in" for name, needed, given in asked if needed and not given.strip()}:
        raise InputRefused(gaps)


async def _count_pins(person: Person, now: datetime) -> list[Counted]:
    """Count a try on each PIN that the bare page takes of this person, the oldest five."""
    modes = {mode.name: mode for mode in await all_modes() if mode.secret and not mode.token}
    counted: list[Counted] = []
    async for invitation in _live(person, list(modes.values()), now):
        if len(counted) < pin_tries.BARE_PINS and (
            one := await pin_tries.count(invitation, "bare_tries", modes[invitation.mode])
        ):
            counted.append(one)
    return counted


async def _fail_when_spent(counted: Counted, now: datetime) -> None:
    if counted.number < counted.limit:
        return
    pin = await Pin.get(id=counted.pin.id)
    if pin.active and pin.link_tries >= counted.limit:
        await lifecycle.fail(counted.invitation, now=now, why="the tries of the PIN are used up")


def _live(person: Person, modes: list[Mode], now: datetime) -> QuerySet[Invitation]:
    return Invitation.filter(
        Q(valid_until=None) | Q(valid_until__gt=now),
        person_id=person.id,
        status=InvitationStatus.PENDING,
        mode__in=[mode.name for mode in modes],
    ).order_by("created_at", "id")


def _password_told(proof: Proof) -> str:
    """Say "password", and why where a directory said more than that it was wrong."""
    more = "" if proof.reason in {"", "wrong password", "invalidCredentials"} else f" ({proof.reason})"
    return f"password{more}"


async def _missed(miss: Miss, entry: Entry, now: datetime) -> SigninFailed:
    """Record what was wrong, once for each invitation concerned, and return the refusal that says nothing of it.

    A name that is made up is counted and logged: strangers do not fill the timeline.
    """
    refusal = SigninFailed()
    refusal.support_code = new_support_code()
    say_refused(refusal.code, refusal.support_code, "; ".join(line for _invitation, line in miss.lines))
    if miss.nobody:
        await failure_counters.tally(MADE_UP, now)
        return refusal
    async with transaction():
        for invitation, line in miss.lines:
            whom = about(invitation) if invitation else About(person_id=miss.person.id if miss.person else None)
            await note(
                "signin.failed",
                now=now,
                about=whom,
                detail=f"{line}, from {entry.network or 'an unknown address'}",
                code=refusal.code,
                support_code=refusal.support_code,
            )
    return refusal


@asynccontextmanager
async def _given_back(attempt: Attempt) -> AsyncIterator[None]:
    """Give counted tries back when the block could not look at the password: then it was no failure."""
    try:
        yield
    except DirectoryUnavailable as refusal:
        log.warning("a directory is not available", reason=refusal.detail)
        await attempt.give_back()
        raise


@asynccontextmanager
async def _recorded(invitation: Invitation | None, now: datetime) -> AsyncIterator[None]:
    """Record a refusal of the block, unless the same was recorded a moment ago, and give it that support code."""
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
