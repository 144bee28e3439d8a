"""Results of a group invitation: its progress, and the result of each person."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tortoise.functions import Count

from otae.contacts import shown_address
from otae.delivery.texts import compose
from otae.delivery.texts.compose import Preview
from otae.delivery.texts.kinds import NEEDED
from otae.directory.reach import EVERYBODY, Reach
from otae.invitations import campaigns, csv_columns
from otae.invitations.channels import BY_HAND
from otae.invitations.groups import ENDED, Status
from otae.invitations.modes import known_mode, title_of
from otae.invitations.terms import columns, terms_of
from otae.store import stuck
from otae.store.desk import Desk
from otae.store.mode_table import has_pin
from otae.store.models import Delivery, GroupInvitation, GroupInvitee, Invitation
from otae.store.states import DeliveryStatus
from otae.translatable import N_

#: Why somebody is not invited, as words that follow the name.
WHY: Final = {
    "gone": N_("is no longer a user"),
    "unknown": N_("is no user here"),
    "ambiguous": N_("stands for several users"),
    "duplicate": N_("stands in the file twice"),
    "unreadable": N_("cannot be read"),
    "hidden": N_("has a line break or hidden text in the cell of the user name or address"),
    "taken-out": N_("was taken out"),
    "serial": N_("has a serial number that no Mac has: 8 to 64 letters and digits"),
    "end": N_("has an end that is no date, can be read in two ways, is past or too far away"),
    "ownership": N_("has an ownership that is neither corporate nor employee"),
    "language": N_("has a language that is none, such as de or pt-BR"),
    "note": N_("has a note that is too long or holds hidden text"),
    "carried": N_("has an asset tag, a cost centre or tags that are too long or hold hidden text"),
    "person": N_("is no user here, and cannot be added with this user name, address or phone number"),
    "over": N_("would be invited until a time that is past"),
    "disabled": N_("is disabled"),
    "no-email": N_("has no e-mail address"),
    "no-phone": N_("has no phone number that text messages reach"),
    "no-password": N_("has no password, which this mode needs"),
    "enrolled": N_("has an enrolled Mac already"),
    "pending": N_("has an invitation that waits already"),
    "too-many-macs": N_("has as many Macs as are allowed"),
    "employee": N_("is to have a Mac of their own, which is not enrolled here"),
    "serial-refused": N_("has the serial number of a refused Mac"),
    "serial-unlisted": N_("has a serial number that is not on the list of the organization's Macs"),
}
#: The statuses that only invitees of a campaign have.
WAITS: Final = ("later", "held", "left")
#: What the list can be filtered by; "open": people of a campaign who have not enrolled yet.
FILTERS: Final = ("waiting", "invited", "skipped", "failed", "redeemed", "open", *WAITS)
#: The time over which the rate of sending is measured.
RECENT: Final = timedelta(seconds=60)
_PAGE: Final = 500


@dataclass(frozen=True)
class OrderProgress:
    """The progress of an order.

    ``reasons``: number of people skipped, by reason. ``messages``: number of messages, by delivery status.
    ``expected``: number of messages once everybody who waits is invited. ``deferred``: queued messages that a server
    did not take yet; the first of them is tried again at ``next_try``. ``rate``: messages sent a second, over the last
    minute. ``time_left``: how long the remaining messages take at this rate, deferred ones not counted; None when
    unknown.
    """

    found: int
    waiting: int
    invited: int
    reasons: dict[str, int]
    messages: dict[str, int]
    expected: int
    deferred: int
    next_try: datetime | None
    rate: float
    time_left: timedelta | None

    @property
    def skipped(self) -> int:
        """How many people are not invited."""
        return sum(self.reasons.values())

    @property
    def finished(self) -> int:
        """How many messages are neither queued nor being sent, whatever their result."""
        moving = (DeliveryStatus.QUEUED, DeliveryStatus.SENDING)
        return sum(number for status, number in self.messages.items() if status not in moving)

    @property
    def failed(self) -> int:
        """How many messages did not arrive, as far as is known."""
        return self.messages[DeliveryStatus.FAILED] + self.messages[DeliveryStatus.BOUNCED]

    @property
    def sent(self) -> int:
        """How many messages a server accepted, including those that bounced later."""
        return self.messages[DeliveryStatus.SENT] + self.messages[DeliveryStatus.BOUNCED]


@dataclass(frozen=True)
class PersonResult:
    """The result of one person.

    ``invitation``: status of the invitation, "" without one. ``mail``: status of the message with the link, "" without
    one; ``answer``: the server's reply to it. ``pin`` and ``pin_answer``: the same for the message with the PIN.
    """

    invitee: GroupInvitee
    invitation: str
    mail: str
    answer: str
    pin: str
    pin_answer: str

    @property
    def title(self) -> str:
        """The person's display name, else user name, else address."""
        return self.invitee.display_name or self.invitee.name or self.invitee.email or "–"


async def progress(row: GroupInvitation, *, now: datetime) -> OrderProgress:
    """Return the progress of an order.

    All its people and messages are counted, 200 000 rows of an order of 100 000: a bounded count ("10 000+ sent") would
    hide the progress, and counters in the order's row would make every message wait for the others' row lock. The page
    asks every two seconds, and only until the order has ended.
    """
    people = GroupInvitee.filter(group_invitation_id=row.id).annotate(number=Count("id"))
    counted = await people.group_by("status", "reason").values("status", "reason", "number")
    by_status = {name: sum(each["number"] for each in counted if each["status"] == name) for name in FILTERS[:2]}
    sent = Delivery.filter(kind__in=NEEDED, generation=1, invitation__invitees__group_invitation_id=row.id)
    listed = await sent.annotate(total=Count("id")).group_by("status").values("status", "total")
    messages = {str(status): 0 for status in DeliveryStatus} | {each["status"]: each["total"] for each in listed}
    later = sent.filter(status=DeliveryStatus.QUEUED, next_try_at__gt=now).order_by("next_try_at")
    put_off, first = await later.count(), await later.first().only("next_try_at")
    recent = await sent.filter(sent_at__gt=now - RECENT).count()
    began = row.started_at or now
    rate = recent / max(1.0, min(RECENT, now - began).total_seconds())
    invited = by_status["invited"] + by_status["waiting"]
    by_pin = has_pin(row.mode) and row.pin_channel not in BY_HAND
    expected = invited * (2 if by_pin else 1) if row.send else 0
    if row.status == Status.CANCELLED:
        expected = sum(messages.values())
    rest = expected - sum(number for name, number in messages.items() if name not in {"queued", "sending"}) - put_off
    moving = row.status in {Status.EXPANDING, Status.SENDING} and rate > 0 and rest > 0
    return OrderProgress(
        found=row.found,
        waiting=by_status["waiting"],
        invited=by_status["invited"],
        reasons={each["reason"]: each["number"] for each in counted if each["status"] == "skipped"},
        messages=messages,
        expected=expected,
        deferred=put_off,
        next_try=first.next_try_at if first else None,
        rate=rate if row.status not in ENDED else 0,
        time_left=timedelta(seconds=round(rest / rate)) if moving else None,
    )


async def results(
    row: GroupInvitation, *, show: str = "", after: int = 0, limit: int = 50, reach: Reach = EVERYBODY
) -> list[PersonResult]:
    """Return people of an order by their number.

    Args:
        show: One of `FILTERS`, "" for all.
        after: Only people with a greater number.
        reach: People outside of it are left out; they may have left the group since.
    """
    people = GroupInvitee.filter(reach.people("person_id"), group_invitation_id=row.id, number__gt=after)
    if show in {*FILTERS[:3], *WAITS}:
        people = people.filter(status=show)
    elif show == "open":
        people = people.filter(campaigns.to_enroll(row))
    elif show == "redeemed":
        people = people.filter(invitation__status="redeemed")
    elif show == "failed":
        people = people.filter(invitation_id__in=stuck.failed_deliveries())
    found = await people.order_by("number").limit(limit).prefetch_related("invitation")
    ids = [each.invitation_id for each in found if each.invitation_id]
    messages = await Delivery.filter(invitation_id__in=ids, kind__in=NEEDED)
    sent = {(each.invitation_id, each.generation, each.kind): each for each in messages}
    return [_result(each, sent) for each in found]


async def every_result(
    row: GroupInvitation, show: str = "", *, reach: Reach = EVERYBODY
) -> AsyncIterator[list[PersonResult]]:
    """Yield all people of an order, one page at a time; arguments as in `results`."""
    after = 0
    while page := await results(row, show=show, after=after, limit=_PAGE, reach=reach):
        yield page
        after = page[-1].invitee.number


async def previews(
    desk: Desk, row: GroupInvitation, number: int, *, now: datetime, reach: Reach = EVERYBODY
) -> list[Preview]:
    """Return the messages that one person of an order would get, link and PIN left blank; empty when there is none."""
    people = GroupInvitee.filter(reach.people("person_id"), group_invitation_id=row.id, number=number)
    invitee = await people.first().prefetch_related("person")
    mode = await known_mode(row.mode)
    if invitee is None or not row.send:
        return []
    person = invitee.person or csv_columns.added_person(invitee.given, now)
    if person is None:
        return []
    terms = csv_columns.line_terms(terms_of(row), invitee.given)
    end = terms.valid_until or mode.end(now)
    invitation = Invitation(person_id=person.id, **columns(terms) | {"valid_until": end, "created_by": row.created_by})
    invitation.person = person  # who may not be stored yet
    shown = [await compose.preview(desk, invitation, "url")]
    if mode.secret and row.pin_channel not in BY_HAND:
        shown.append(await compose.preview(desk, invitation, "pin", channel=row.pin_channel))
    return shown


def cells(row: GroupInvitation, result: PersonResult) -> list[str]:
    """Return one person's result as cells, in the order of `HEADINGS`."""
    person = result.invitee
    return [
        person.name,
        person.display_name,
        shown_address(person.email),
        person.status,
        person.reason,
        str(person.invitation_id or ""),
        title_of(row.mode),
        result.invitation,
        result.mail,
        result.answer,
        result.pin,
        result.pin_answer,
    ]


#: Names of what `cells` returns.
HEADINGS: Final = (
    "user", "name", "email", "result", "reason", "invitation", "mode", "invitation_status", "mail", "server_answer",
    "pin_message", "pin_answer",
)  # fmt: skip


def _result(invitee: GroupInvitee, sent: dict[tuple[UUID, int, str], Delivery]) -> PersonResult:
    invitation, fields = invitee.invitation, []
    for kind in NEEDED:
        message = sent.get((invitation.id, invitation.generation, kind)) if invitation else None
        fields += [message.status, message.answer] if message else ["", ""]
    return PersonResult(invitee, invitation.status if invitation else "", *fields)
