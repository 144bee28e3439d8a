"""The life of an invitation: created, sent again, extended, revoked, expired, failed, redeemed.

Each step is one transaction with its event; secrets are made and hashed before it, bells rung after it. The row of the
invitation is taken first, so that two steps on one invitation wait for one another.

It is longer than 300 lines because every step of that life stands here, with what all of them share.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tortoise.expressions import Q

from otae.delivery.notices import notify_failure
from otae.delivery.phones import default_region
from otae.delivery.queue import outbox
from otae.delivery.texts.compose import invitation_url
from otae.directory.local import printable
from otae.errors import (
    InputRefused,
    InvitationExpired,
    InvitationFailed,
    InvitationRedeemed,
    InvitationReplaced,
    InvitationRevoked,
    StaleState,
)
from otae.invitations import end_notices, orders, pin_delivery, pins, resend_recipient, tokens
from otae.invitations.modes import all_modes, known_mode, mode_of
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import new_invitation, why_no_end
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Event, Invitation, Person, Pin
from otae.store.passwords import hash_token
from otae.store.records import about, advance, note
from otae.store.states import InvitationStatus as Status

#: A page that says "opened" again within this time says nothing new.
SAME_OPENING = timedelta(minutes=10)


@dataclass(frozen=True)
class Created:
    """An invitation with what only its maker gets to see. ``deliveries``: rung for already.

    ``words`` and ``away``: as `resend_recipient.Recipient` has them, for one that was sent again.
    """

    invitation: Invitation
    token: str = field(repr=False)
    url: str = field(repr=False)
    pin: str | None = field(default=None, repr=False)
    deliveries: tuple[UUID, ...] = ()
    words: str = ""
    away: bool = False


async def create(desk: Desk, order: InvitationOrder, *, now: datetime, actor: str) -> Created:
    """Invite somebody: the invitation, its PIN, its messages and its event, all or nothing.

    A PIN that is shown or printed is in the answer alone. Raises InputRefused naming every field (see `orders.check`).
    """
    person, checked = await orders.check(desk, order, now=now)
    mode, region = checked.mode, await default_region()
    invitation, token = new_invitation(
        desk, checked, person, region=region, now=now, actor=actor, rehearsal=order.rehearsal
    )
    channel, send, show = invitation.pin_channel, invitation.send, order.show_pin
    handed = await pin_delivery.make_pin(desk, invitation, mode, channel=channel, now=now, send=send, show=show)
    async with transaction():
        await invitation.save(force_create=True)
        await note("invitation.created", now=now, about=about(invitation), actor=actor, detail=mode.title)
        deliveries = await pin_delivery.hand_out(invitation, handed.pin, send=send, now=now)
        subject, whom = str(invitation.id), _whom(invitation)
        await audit.record(actor, "invitation.created", now=now, subject=subject, detail=whom)
    return _created(desk, invitation, token, handed.clear, deliveries)


async def live_of(desk: Desk, order: InvitationOrder, *, now: datetime) -> list[Invitation]:
    """Return the invitations that work already of whom ``order`` means, newest first; raises as `create`."""
    person, _ = await orders.check(desk, order, now=now)
    rows = Invitation.filter(person_id=person.id, status=Status.PENDING, rehearsal=False)
    live = rows.filter(Q(valid_until=None) | Q(valid_until__gt=now))
    return await live.order_by("-created_at").prefetch_related("person")


async def resend(
    desk: Desk,
    invitation: Invitation,
    *,
    now: datetime,
    actor: str,
    show_pin: bool = False,
    address: str = resend_recipient.NEW,
    look: bool = True,
) -> Created:
    """Send link and PIN again: a new PIN kills the older one, messages still queued are cancelled, time starts anew.

    The token stays while the invitation is pending or failed; an expired one gets a new token. The PIN goes out as the
    last one did, unless its mode's policy changed; one that is shown or printed needs ``show_pin``. The person is
    looked up anew; ``address`` and ``look``: as in `resend_recipient.recipient`. Raises InputRefused ("recipient",
    "address", "pin_channel", "show_pin") or as `revoke`; StaleState when somebody else did the same just before.
    """
    _refuse_ended(invitation)
    whom = await resend_recipient.recipient(desk, invitation, address=address, look=look, now=now)
    step = _Renewal("invitation.resent", send=True, show_pin=show_pin)
    return await _renew(desk, invitation, whom, step, now=now, actor=actor)


async def extend(
    desk: Desk,
    invitation: Invitation,
    *,
    now: datetime,
    actor: str,
    until: datetime | None = None,
    show_pin: bool = False,
    look: bool = True,
) -> Created:
    """Give a pending invitation more time, by default its mode's whole time from now; link and PIN stay.

    One that failed or expired is renewed as by `resend`, and sent if it was to be. Raises as `resend`, and InputRefused
    ("valid_until") as `check_end`.
    """
    check_end(until, now=now)
    if invitation.status != Status.PENDING or _is_over(invitation, now):
        _refuse_ended(invitation)
        step = _Renewal("invitation.extended", invitation.send, show_pin, until)
        whom = await resend_recipient.recipient(desk, invitation, look=look, now=now) if step.send else None
        return await _renew(
            desk, invitation, whom or await resend_recipient.as_known(invitation), step, now=now, actor=actor
        )
    async with transaction():
        await _take(invitation, status=Status.PENDING)
        valid_until = until or (await mode_of(invitation.mode)).end(now)
        await advance(
            invitation, Status.PENDING, event="invitation.extended", now=now, actor=actor, valid_until=valid_until
        )
        told = f"{invitation.person_id}, until {valid_until:%Y-%m-%d %H:%M} UTC" if valid_until else _whom(invitation)
        await audit.record(actor, "invitation.extended", now=now, subject=str(invitation.id), detail=told)
    return _created(desk, invitation, tokens.reveal(desk, invitation), None, ())


def check_end(until: datetime | None, *, now: datetime) -> None:
    """Raise InputRefused ("valid_until") for an end that is past, or too far away."""
    if words := why_no_end(until, now=now):
        raise InputRefused({"valid_until": words})


async def usual_end(invitation: Invitation, *, now: datetime) -> datetime | None:
    """Return until when the invitation works if it is extended now and no other end is asked for; None for no end."""
    return (await known_mode(invitation.mode)).end(now)


async def revoke(desk: Desk, invitation: Invitation, *, now: datetime, actor: str) -> None:
    """End link, PIN, messages and live sessions, and tell who had a link that worked. InvitationRedeemed if used."""
    async with transaction():
        await _take(invitation)
        _refuse_ended(invitation)
        was = invitation.status
        await advance(invitation, Status.REVOKED, event="invitation.revoked", now=now, actor=actor, token_sealed=None)
        await _forget(invitation, now)
        told = None if was == Status.EXPIRED else await end_notices.tell(invitation, end_notices.REVOKED, now=now)
        await audit.record(actor, "invitation.revoked", now=now, subject=str(invitation.id), detail=_whom(invitation))
    if told:
        desk.bell.ring("delivery", told)


async def expire_due(now: datetime) -> int:
    """Expire what is past its end, and fail what has no try left; return how many. Safe to run anywhere, twice."""
    ended = 0
    for row in await Invitation.filter(status=Status.PENDING, valid_until__lte=now).order_by("valid_until").limit(500):
        async with transaction():
            try:
                await _take(row, status=Status.PENDING, valid_until__lte=now)
            except StaleState:
                continue  # resent, redeemed or revoked a moment ago: no longer ours to expire
            await advance(row, Status.EXPIRED, event="invitation.expired", now=now, token_sealed=None)
            await _forget(row, now)
            await end_notices.tell(row, end_notices.EXPIRED, now=now)
            ended += 1
    for mode in [each for each in await all_modes() if each.secret]:
        spent = Pin.filter(active=True, link_tries__gte=mode.max_tries, invitation__mode=mode.name)
        for pin in await spent.filter(invitation__status=Status.PENDING).limit(500).prefetch_related("invitation"):
            ended += await fail(pin.invitation, now=now, why="the tries of the PIN are used up")
    return ended


async def fail(invitation: Invitation, *, now: datetime, why: str) -> bool:
    """Let a pending invitation fail until it is sent again, and tell who invited; False when it is not pending."""
    async with transaction():
        try:
            await _take(invitation, status=Status.PENDING)
        except StaleState:
            return False
        await advance(invitation, Status.FAILED, event="invitation.failed", now=now, detail=why)
        await _forget(invitation, now)
        await notify_failure(invitation, now=now)
    return True


async def redeem(invitation: Invitation, *, now: datetime) -> list[UUID]:
    """Use the invitation up, once, inside the transaction that enrolls its Mac; a live session redeems what expired.

    Forgets link and PIN, cancels what is queued and queues the confirmation. Returns deliveries to ring for after the
    commit. Raises InvitationRedeemed or InvitationRevoked.
    """
    async with transaction():
        await _take(invitation)
        _refuse_ended(invitation)
        await advance(
            invitation, Status.REDEEMED, event="invitation.redeemed", now=now, redeemed_at=now, token_sealed=None
        )
        await _forget(invitation, now)
        person = await Person.get(id=invitation.person_id)
        if not person.email:
            return []
        delivery = await outbox.enqueue(invitation, "confirmation", invitation.generation, person.email, now=now)
    return [delivery.id]


async def copy_link(desk: Desk, invitation: Invitation, *, now: datetime, actor: str) -> str:
    """Return the link for an administrator to pass on; who asked is recorded. Raises as `check_usable`."""
    check_usable(invitation, now=now)
    url = invitation_url(desk.settings, tokens.reveal(desk, invitation))
    async with transaction():
        await note("link.copied", now=now, about=about(invitation), actor=actor)
        subject, whom = str(invitation.id), _whom(invitation)
        await audit.record(actor, "invitation.link-copied", now=now, subject=subject, detail=whom)
    return url


async def by_token(token: str) -> Invitation | None:
    """Return the invitation of an invitation token, with its person; None when there is none."""
    if not tokens.has_shape(token):
        return None
    return await Invitation.get_or_none(token_hash=hash_token(token)).prefetch_related("person")


async def refuse_replaced(token: str) -> None:
    """Raise what became of the invitation that this was an earlier token of; return when it never was one.

    InvitationReplaced while the invitation may still be used, else InvitationRevoked or InvitationRedeemed.
    """
    if not tokens.has_shape(token):
        return
    found = await Invitation.filter(replaced_token_hash=hash_token(token)).first()
    if found is not None:
        _refuse_ended(found)
        raise InvitationReplaced


def check_usable(invitation: Invitation, *, now: datetime) -> None:
    """See that the invitation can be signed in with.

    Raises InvitationRevoked, InvitationRedeemed, InvitationFailed or InvitationExpired.
    """
    _refuse_ended(invitation)
    if invitation.status == Status.FAILED:
        raise InvitationFailed
    if invitation.status == Status.EXPIRED or _is_over(invitation, now):
        raise InvitationExpired


async def link_opened(invitation: Invitation, *, now: datetime, browser: str) -> None:
    """Record that the person's browser shows the page behind the link. ``browser``: its name and system, for people."""
    seen = Event.filter(invitation_id=invitation.id, kind="link.opened", at__gt=now - SAME_OPENING)
    if not await seen.exists():
        await note("link.opened", now=now, about=about(invitation), detail=printable(browser))


def _whom(invitation: Invitation) -> str:
    """Return whom an invitation is for, as the audit log names people: by id, so that the name can be forgotten."""
    return str(invitation.person_id)


@dataclass(frozen=True)
class _Renewal:
    """How an invitation begins anew. ``until``: None for its mode's whole time."""

    event: str
    send: bool
    show_pin: bool
    until: datetime | None = None


async def _renew(
    desk: Desk, invitation: Invitation, whom: resend_recipient.Recipient, step: _Renewal, *, now: datetime, actor: str
) -> Created:
    mode, seen, person = await mode_of(invitation.mode), invitation.generation, whom.person
    if missing := orders.what_is_missing(person, mode, sending=step.send):
        raise InputRefused({"recipient": missing})
    channel = await pin_delivery.channel_again(invitation, mode, person, send=step.send, show_pin=step.show_pin)
    changes: dict[str, Any] = {"generation": seen + 1, "valid_until": step.until or mode.end(now)}
    changes |= {"send": step.send, "pin_channel": channel, **whom.columns}
    if invitation.token_sealed is None or _is_over(invitation, now):
        token, columns = tokens.mint(desk, invitation)
        changes |= {**columns, "replaced_token_hash": invitation.token_hash}
    else:
        token = tokens.reveal(desk, invitation)
    handed = await pin_delivery.make_pin(
        desk, invitation, mode, channel=channel, now=now, send=step.send, show=step.show_pin, generation=seen + 1
    )
    async with transaction():
        await _take(invitation, generation=seen, status=invitation.status)
        await advance(invitation, Status.PENDING, event=step.event, now=now, actor=actor, detail=whom.words, **changes)
        await _forget(invitation, now)
        deliveries = await pin_delivery.hand_out(invitation, handed.pin, send=step.send, now=now)
        await audit.record(actor, step.event, now=now, subject=str(invitation.id), detail=str(person.id))
    made = _created(desk, invitation, token, handed.clear, deliveries)
    return replace(made, words=whom.words, away=whom.away)


def _created(desk: Desk, invitation: Invitation, token: str, pin: str | None, deliveries: tuple[UUID, ...]) -> Created:
    for delivery in deliveries:
        desk.bell.ring("delivery", delivery)
    return Created(invitation, token, invitation_url(desk.settings, token), pin, deliveries)


async def _take(invitation: Invitation, **expected: object) -> None:
    """Lock the row until the transaction ends and bring ``invitation`` up to date; StaleState when not ``expected``."""
    if await Invitation.filter(id=invitation.id, **expected).select_for_update().first() is None:
        raise StaleState(f"invitation {invitation.id} is no longer as it was seen: {sorted(expected)}")
    await invitation.refresh_from_db()


async def _forget(invitation: Invitation, now: datetime) -> None:
    """Let queued messages and PINs of the invitation end, in the order in which the outbox takes their rows."""
    await outbox.cancel(invitation, now=now)
    await pins.kill(invitation)


def _refuse_ended(invitation: Invitation) -> None:
    if invitation.status == Status.REVOKED:
        raise InvitationRevoked
    if invitation.status == Status.REDEEMED:
        raise InvitationRedeemed


def _is_over(invitation: Invitation, now: datetime) -> bool:
    return invitation.valid_until is not None and invitation.valid_until <= now
