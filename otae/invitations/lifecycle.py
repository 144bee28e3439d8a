"""The life of an invitation: created, sent again, extended, revoked, expired, failed, redeemed.

Each step is one transaction with its event; secrets are made and hashed before it, bells rung after it. The
invitation's row is locked first, so that two steps on one invitation wait for one another.

It is longer than 300 lines because every step of that life stands here, with what all of them share.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tortoise.expressions import Q

from otae.delivery.notices import notify_failure
from otae.delivery.queue import outbox
from otae.delivery.texts.compose import invitation_url
from otae.directory.local.person_fields import printable
from otae.errors import (
    InputRefused,
    InvitationExpired,
    InvitationFailed,
    InvitationRedeemed,
    InvitationReplaced,
    InvitationRevoked,
    NotAllowed,
    StaleState,
)
from otae.invitations import end_notices, go_codes, orders, pin_delivery, pins, resend_recipient, self_made, tokens
from otae.invitations.modes import all_modes, known_mode, mode_of
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import end_problem, new_invitation
from otae.store import audit, rollout
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Event, Invitation, Person, Pin
from otae.store.passwords import hash_token
from otae.store.properties import default_region
from otae.store.records import about, advance, note
from otae.store.session_ends import LIVE
from otae.store.states import InvitationStatus as Status

#: Opening the link again within this time is not recorded again.
REOPENING_INTERVAL = timedelta(minutes=10)
#: Longer than a sign-in takes: a process that has not ended a try by then has died.
LONGEST_CHECK = timedelta(minutes=2)


@dataclass(frozen=True)
class Created:
    """An invitation with its secrets, which only its maker gets to see.

    ``deliveries``: queued messages; the bell was rung for them. ``words`` and ``unreachable``: as in
    `resend_recipient.Recipient`, for an invitation that was sent again.
    """

    invitation: Invitation
    token: str = field(repr=False)
    url: str = field(repr=False)
    pin: str | None = field(default=None, repr=False)
    deliveries: tuple[UUID, ...] = ()
    words: str = ""
    unreachable: bool = False


async def create(
    desk: Desk,
    order: InvitationOrder,
    *,
    now: datetime,
    actor: str,
    first: Callable[[], Awaitable[None]] | None = None,
) -> Created:
    """Create an invitation with its PIN, its messages and its event, all or nothing.

    A PIN that is shown or printed exists in clear in the return value alone. Raises as `orders.check`, and
    TooManyInvitations for people who invite themselves.

    Args:
        first: Called in the transaction before anything is stored; what it raises undoes everything.
    """
    person, checked = await orders.check(desk, order, now=now)
    mode, region = checked.mode, await default_region()
    invitation, token = new_invitation(
        desk, checked, person, region=region, now=now, actor=actor, rehearsal=order.rehearsal
    )
    channel, send, show = invitation.pin_channel, invitation.send, order.show_pin
    new_pin = await pin_delivery.make_pin(desk, invitation, mode, channel=channel, now=now, send=send, show=show)
    async with transaction():
        if first:
            await first()
        if actor == self_made.ACTOR:
            await self_made.check_number(person.id, now=now)
        await invitation.save(force_create=True)
        await rollout.add_invited([invitation])
        await note("invitation.created", now=now, about=about(invitation), actor=actor, detail=mode.title)
        deliveries = await pin_delivery.save_and_queue(invitation, new_pin.pin, send=send, now=now)
        await _audit("invitation.created", invitation, now=now, actor=actor)
    return _created(desk, invitation, token, new_pin.clear, deliveries)


async def live_invitations(desk: Desk, order: InvitationOrder, *, now: datetime) -> list[Invitation]:
    """Return the pending, unexpired invitations of the person named in ``order``, newest first; raises as `create`."""
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
    ask_directory: bool = True,
) -> Created:
    """Send link and PIN again: older PINs stop working, queued messages are cancelled, and the validity starts anew.

    The token stays while the invitation is pending or failed; an expired one gets a new token. The PIN uses the last
    one's channel unless the mode's policy changed; a PIN that is shown or printed needs ``show_pin``. The person is
    looked up again first.

    Args:
        address: As in `resend_recipient.look_up`; so is ``ask_directory``.

    Raises:
        InputRefused: "recipient", "address", "pin_channel" or "show_pin".
        InvitationRevoked, InvitationRedeemed: The invitation has ended.
        TooManyInvitations: The invited person asks for it, and has as many other invitations of their own making as
            allowed.
        StaleState: Another step changed the invitation meanwhile.
    """
    _refuse_ended(invitation)
    recipient = await resend_recipient.look_up(desk, invitation, address=address, ask_directory=ask_directory, now=now)
    step = _Renewal("invitation.resent", send=True, show_pin=show_pin)
    return await _renew(desk, invitation, recipient, step, now=now, actor=actor)


async def extend(
    desk: Desk,
    invitation: Invitation,
    *,
    now: datetime,
    actor: str,
    until: datetime | None = None,
    show_pin: bool = False,
    ask_directory: bool = True,
) -> Created:
    """Move the end of a pending invitation, by default to its mode's full validity from now; link and PIN stay.

    A failed or expired invitation is renewed as by `resend`, and its messages sent if it was to be sent. Raises as
    `check_end` and `resend`.
    """
    await check_end(until, now=now)
    if invitation.status != Status.PENDING or _is_over(invitation, now):
        _refuse_ended(invitation)
        step = _Renewal("invitation.extended", invitation.send, show_pin, until)
        if step.send:
            recipient = await resend_recipient.look_up(desk, invitation, ask_directory=ask_directory, now=now)
        else:
            recipient = await resend_recipient.last_known(invitation)
        return await _renew(desk, invitation, recipient, step, now=now, actor=actor)
    async with transaction():
        await lock(invitation, status=Status.PENDING)
        valid_until = until or (await mode_of(invitation.mode)).end(now)
        await advance(
            invitation, Status.PENDING, event="invitation.extended", now=now, actor=actor, valid_until=valid_until
        )
        end = f", until {valid_until:%Y-%m-%d %H:%M} UTC" if valid_until else ""
        await _audit("invitation.extended", invitation, end, now=now, actor=actor)
    return _created(desk, invitation, tokens.reveal(desk, invitation), None, ())


async def check_end(until: datetime | None, *, now: datetime) -> None:
    """Raise InputRefused ("valid_until") for an end that is past or too far away."""
    if words := await end_problem(until, now=now):
        raise InputRefused({"valid_until": words})


async def default_end(invitation: Invitation, *, now: datetime) -> datetime | None:
    """Return the end that the invitation gets if it is extended now without asking for one; None for no end."""
    return (await known_mode(invitation.mode)).end(now)


async def revoke(
    desk: Desk, invitation: Invitation, *, now: datetime, actor: str, unless_under_way: bool = False
) -> None:
    """End link, PIN, messages and live sessions, and notify the person if the link still worked.

    Args:
        unless_under_way: Leave the invitation alone while somebody enrolls with it.

    Raises:
        InvitationRevoked, InvitationRedeemed: The invitation has ended already.
        StaleState: With ``unless_under_way``: an enrollment is under way.
    """
    async with transaction():
        await lock(invitation)
        _refuse_ended(invitation)
        if unless_under_way and await EnrollmentSession.exists(invitation_id=invitation.id, status__in=LIVE):
            raise StaleState(f"an enrollment with invitation {invitation.id} is under way")
        was = invitation.status
        await advance(invitation, Status.REVOKED, event="invitation.revoked", now=now, actor=actor, token_sealed=None)
        await cancel_messages(invitation, now)
        link_worked = was != Status.EXPIRED
        notice = await end_notices.enqueue(invitation, end_notices.REVOKED, now=now) if link_worked else None
        await _audit("invitation.revoked", invitation, now=now, actor=actor)
    if notice:
        desk.bell.ring("delivery", notice)


async def expire_due(now: datetime) -> int:
    """Expire invitations past their end, fail those whose PIN has no try left, and return how many.

    Idempotent, and safe to run in several processes at once.
    """
    ended = 0
    for row in await Invitation.filter(status=Status.PENDING, valid_until__lte=now).order_by("valid_until").limit(500):
        async with transaction():
            try:
                await lock(row, status=Status.PENDING, valid_until__lte=now)
            except StaleState:
                continue  # resent, redeemed or revoked a moment ago: no longer ours to expire
            await advance(row, Status.EXPIRED, event="invitation.expired", now=now, token_sealed=None)
            await cancel_messages(row, now)
            await end_notices.enqueue(row, end_notices.EXPIRED, now=now)
            ended += 1
    for mode in [each for each in await all_modes() if each.secret]:
        spent = Pin.filter(active=True, link_tries__gte=mode.max_tries, invitation__mode=mode.name)
        # The sign-in that used the last try fails the invitation itself, unless its process died while it checked.
        spent = spent.filter(Q(tried_at=None) | Q(tried_at__lte=now - LONGEST_CHECK))
        for pin in await spent.filter(invitation__status=Status.PENDING).limit(500).prefetch_related("invitation"):
            ended += await fail(pin.invitation, now=now, why="the tries of the PIN are used up")
    return ended


async def fail(invitation: Invitation, *, now: datetime, why: str) -> bool:
    """Fail a pending invitation until it is sent again, and notify whoever made it; False when it is not pending."""
    async with transaction():
        try:
            await lock(invitation, status=Status.PENDING)
        except StaleState:
            return False
        await advance(invitation, Status.FAILED, event="invitation.failed", now=now, detail=why)
        await cancel_messages(invitation, now)
        await notify_failure(invitation, now=now)
    return True


async def redeem(invitation: Invitation, *, now: datetime) -> list[UUID]:
    """Use the invitation up, once, inside the transaction that enrolls its Mac; return the deliveries to ring for.

    Link and PIN stop working, queued messages are cancelled, and the confirmation is queued. An expired invitation can
    still be redeemed by a session that was opened in time.

    Raises:
        InvitationRedeemed, InvitationRevoked: The invitation has ended.
    """
    async with transaction():
        await lock(invitation)
        _refuse_ended(invitation)
        await advance(
            invitation, Status.REDEEMED, event="invitation.redeemed", now=now, redeemed_at=now, token_sealed=None
        )
        await cancel_messages(invitation, now)
        person = await Person.get(id=invitation.person_id)
        if not person.email:
            return []
        delivery = await outbox.enqueue(invitation, "confirmation", invitation.generation, person.email, now=now)
    return [delivery.id]


async def copy_link(desk: Desk, invitation: Invitation, *, now: datetime, actor: str) -> str:
    """Return the link for an administrator to pass on; the copy is recorded and audited. Raises as `check_usable`."""
    check_usable(invitation, now=now)
    url = invitation_url(desk.settings, tokens.reveal(desk, invitation))
    async with transaction():
        await note("link.copied", now=now, about=about(invitation), actor=actor)
        await _audit("invitation.link-copied", invitation, now=now, actor=actor)
    return url


async def find_by_token(token: str) -> Invitation | None:
    """Return the invitation with this token, its person fetched; None when there is none."""
    if not tokens.has_shape(token):
        return None
    found = Invitation.get_or_none(token_hash=hash_token(token), deleted_at=None)
    return await found.prefetch_related("person")


async def refuse_replaced(token: str) -> None:
    """Raise the matching refusal when ``token`` is an invitation's earlier token; return when it never was one.

    Raises:
        InvitationReplaced: The invitation may still be used, with its newer link.
        InvitationRevoked, InvitationRedeemed: The invitation has ended.
    """
    if not tokens.has_shape(token):
        return
    found = await Invitation.filter(replaced_token_hash=hash_token(token)).first()
    if found is None:
        return
    try:
        _refuse_ended(found)
        raise InvitationReplaced
    except NotAllowed as refusal:
        refusal.support_code = found.support_code or ""
        raise


def check_usable(invitation: Invitation, *, now: datetime) -> None:
    """Raise unless somebody can sign in with the invitation.

    Raises:
        InvitationRevoked, InvitationRedeemed, InvitationFailed, InvitationExpired: Its state.
    """
    _refuse_ended(invitation)
    if invitation.status == Status.FAILED:
        raise InvitationFailed
    if invitation.status == Status.EXPIRED or _is_over(invitation, now):
        raise InvitationExpired


async def record_link_opened(invitation: Invitation, *, now: datetime, browser: str) -> None:
    """Record that the page behind the link was opened, at most once within `REOPENING_INTERVAL`.

    Args:
        browser: Name and system of the browser, as shown to people.
    """
    seen = Event.filter(invitation_id=invitation.id, kind="link.opened", at__gt=now - REOPENING_INTERVAL)
    if not await seen.exists():
        await note("link.opened", now=now, about=about(invitation), detail=printable(browser))


async def _audit(action: str, invitation: Invitation, more: str = "", *, now: datetime, actor: str) -> None:
    """Audit a step, with the person's id instead of the name, so that a name can be erased."""
    detail = f"{invitation.person_id}{more}"
    await audit.record(actor, action, now=now, subject=str(invitation.id), detail=detail)


@dataclass(frozen=True)
class _Renewal:
    """How an invitation is renewed. ``until``: its new end, None for the mode's full validity."""

    event: str
    send: bool
    show_pin: bool
    until: datetime | None = None


async def _renew(
    desk: Desk,
    invitation: Invitation,
    recipient: resend_recipient.Recipient,
    step: _Renewal,
    *,
    now: datetime,
    actor: str,
) -> Created:
    """Make the invitation pending again with a new generation, PIN and end; queue its messages if ``step.send``."""
    mode, seen, person = await mode_of(invitation.mode), invitation.generation, recipient.person
    if missing := orders.what_is_missing(person, mode, sending=step.send):
        raise InputRefused({"recipient": missing})
    channel = await pin_delivery.channel_for_next_pin(invitation, mode, person, send=step.send, show_pin=step.show_pin)
    changes: dict[str, Any] = {"generation": seen + 1, "valid_until": step.until or mode.end(now)}
    changes |= {"send": step.send, "pin_channel": channel, **recipient.columns}
    if invitation.token_sealed is None or _is_over(invitation, now):
        token, columns = tokens.mint(desk, invitation)
        changes |= {**columns, "replaced_token_hash": invitation.token_hash}
    else:
        token = tokens.reveal(desk, invitation)
    new_pin = await pin_delivery.make_pin(
        desk, invitation, mode, channel=channel, now=now, send=step.send, show=step.show_pin, generation=seen + 1
    )
    async with transaction():
        if actor == invitation.created_by == self_made.ACTOR:
            await self_made.check_number(person.id, now=now, besides=invitation.id)
        await lock(invitation, generation=seen, status=invitation.status)
        await advance(
            invitation, Status.PENDING, event=step.event, now=now, actor=actor, detail=recipient.words, **changes
        )
        await cancel_messages(invitation, now)
        deliveries = await pin_delivery.save_and_queue(invitation, new_pin.pin, send=step.send, now=now)
        await _audit(step.event, invitation, now=now, actor=actor)
    made = _created(desk, invitation, token, new_pin.clear, deliveries)
    return replace(made, words=recipient.words, unreachable=recipient.unreachable)


def _created(desk: Desk, invitation: Invitation, token: str, pin: str | None, deliveries: tuple[UUID, ...]) -> Created:
    for delivery in deliveries:
        desk.bell.ring("delivery", delivery)
    return Created(invitation, token, invitation_url(desk.settings, token), pin, deliveries)


async def lock(invitation: Invitation, **expected: object) -> None:
    """Lock the row until the transaction ends and refresh ``invitation``; StaleState when it is not as ``expected``."""
    if await Invitation.filter(id=invitation.id, deleted_at=None, **expected).select_for_update().first() is None:
        raise StaleState(f"invitation {invitation.id} is no longer as it was seen: {sorted(expected)}")
    await invitation.refresh_from_db()


async def cancel_messages(invitation: Invitation, now: datetime) -> None:
    """Cancel queued messages, invalidate PINs and end the code, in the order in which the outbox locks their rows."""
    await outbox.cancel(invitation, now=now)
    await pins.invalidate(invitation)
    await go_codes.end(invitation)


def _refuse_ended(invitation: Invitation) -> None:
    if invitation.status == Status.REVOKED:
        raise InvitationRevoked
    if invitation.status == Status.REDEEMED:
        raise InvitationRedeemed


def _is_over(invitation: Invitation, now: datetime) -> bool:
    return invitation.valid_until is not None and invitation.valid_until <= now
