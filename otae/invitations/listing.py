"""Reading invitations: lists, counts, timelines, and their JSON for scripts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from otae.directory.local.groups import with_subgroups
from otae.directory.reach import EVERYBODY, Reach, members_of
from otae.invitations import groups, tokens
from otae.invitations.lifecycle import Created
from otae.store import carried_data, stuck
from otae.store.models import EnrollmentSession, Event, Group, GroupInvitee, Invitation, Person
from otae.store.paging import count_capped, older_than
from otae.store.passwords import hash_token
from otae.store.search_text import NO_ID, contains
from otae.store.states import InvitationStatus
from otae.store.support_codes import ALPHABET, INVITATION_LENGTH, REFUSAL_LENGTH
from otae.text import folded, identifier, letters_and_digits

MAX_LIMIT = 500


@dataclass(frozen=True)
class Filters:
    """What a list of invitations is filtered by besides the status; an empty field filters nothing.

    ``search``: part of a user name, name, e-mail address or serial number, a whole invitation token, or a support code.
    ``group``: id of a group; its people and those of its sub-groups as they are now. ``group_invitation``: id of an
    order; the people that it invited. ``stuck_since``: only invitations that are stuck, and have been since before
    then.
    """

    mode: str = ""
    ownership: str = ""
    search: str = ""
    group: UUID | None = None
    group_invitation: UUID | None = None
    stuck_since: datetime | None = None


async def list_invitations(
    status: str | None = None,
    after: str | None = None,
    limit: int = 50,
    *,
    filters: Filters = Filters(),
    reach: Reach = EVERYBODY,
) -> list[Invitation]:
    """Return invitations of people within ``reach``, their person fetched, newest first; without rehearsals.

    Args:
        after: Id of the last one seen; anything else starts at the newest.
        limit: At most `MAX_LIMIT` are returned.
    """
    rows = await _matching(filters, reach)
    if status:
        rows = rows.filter(status=status)
    if last := await find_invitation(after or ""):
        rows = rows.filter(older_than(last))
    return await rows.order_by("-created_at", "-id").limit(min(limit, MAX_LIMIT)).prefetch_related("person")


async def _matching(filters: Filters, reach: Reach) -> QuerySet[Invitation]:
    rows = Invitation.filter(reach.people("person_id", listed=Invitation), rehearsal=False)
    if filters.mode:
        rows = rows.filter(mode=filters.mode)
    if filters.ownership:
        rows = rows.filter(ownership=filters.ownership)
    if folded(text := filters.search.strip()):
        rows = rows.filter(await _search_condition(text))
    if filters.group:
        group = await Group.get_or_none(reach.groups(), id=filters.group)
        within = await with_subgroups(group.domain, group.name) if group else [NO_ID]
        rows = rows.filter(await members_of(within, "person_id", listed=Invitation))
    if filters.group_invitation:
        order = await groups.find(filters.group_invitation, reach)
        number = order.id if order else NO_ID
        invited = GroupInvitee.filter(group_invitation_id=number, invitation_id__not_isnull=True)
        made: Any = Subquery(invited.values("invitation_id"))
        rows = rows.filter(id__in=made)
    if filters.stuck_since:
        rows = rows.filter(id__in=stuck.ids(filters.stuck_since))
    return rows


async def _search_condition(text: str) -> Q:
    token = identifier(text).lower()
    if tokens.has_shape(token):
        return Q(token_hash=hash_token(token))
    wanted = await contains(Person, text, key="person_id", path="person__") | await contains(Invitation, text)
    code = letters_and_digits(text).upper()
    if not set(code) <= set(ALPHABET):
        return wanted
    if len(code) == INVITATION_LENGTH:
        wanted |= Q(support_code=code)
    if len(code) == REFUSAL_LENGTH:
        ids = await Event.filter(support_code=code, invitation_id__not_isnull=True).values_list(
            "invitation_id", flat=True
        )
        wanted |= Q(id__in=ids)
    return wanted


async def counts(reach: Reach = EVERYBODY, filters: Filters = Filters()) -> dict[str, int]:
    """Return the number of invitations in each status, bounded as by `count_capped`; without rehearsals."""
    rows = await _matching(filters, reach)
    return {status.value: await count_capped(rows.filter(status=status)) for status in InvitationStatus}


async def any_invitation(reach: Reach = EVERYBODY) -> bool:
    """Return whether there is any invitation of people within ``reach``, apart from rehearsals'."""
    return await Invitation.filter(reach.people("person_id"), rehearsal=False).exists()


async def find_invitation(text: str) -> Invitation | None:
    """Return the invitation with id ``text``, its person fetched; None when there is none, or ``text`` is no id."""
    try:
        wanted = UUID(text)
    except ValueError:
        return None
    return await Invitation.get_or_none(id=wanted).prefetch_related("person")


async def timeline(invitation: Invitation, *, before: int | None = None, limit: int | None = None) -> list[Event]:
    """Return the events of ``invitation`` and its sessions, oldest first.

    Args:
        before: Only events with a smaller id.
        limit: Only the newest of them.
    """
    sessions = await EnrollmentSession.filter(invitation_id=invitation.id).values_list("id", flat=True)
    found = Event.filter(Q(invitation_id=invitation.id) | Q(session_id__in=sessions)).order_by("-id")
    if before is not None:
        found = found.filter(id__lt=before)
    return list(reversed(await (found.limit(limit) if limit else found)))


def as_json(invitation: Invitation, *, url: str | None = None) -> dict[str, object]:
    """Return what `otae invitation list` and `show` print; the person must be fetched. Times are RFC 3339."""
    return {
        "id": str(invitation.id),
        **({"url": url} if url else {}),
        "mode": invitation.mode,
        "status": invitation.status,
        "ownership": invitation.ownership,
        "platform": invitation.platform,
        "serial": invitation.serial,
        **{name: getattr(invitation, name) for name in carried_data.TITLES},
        "user": invitation.person.name,
        "valid_until": rfc3339(invitation.valid_until),
        "created_at": rfc3339(invitation.created_at),
        "redeemed_at": rfc3339(invitation.redeemed_at),
        "support_code": invitation.support_code,
    }


def created_as_json(created: Created) -> dict[str, object]:
    """Return what `otae invite` prints: id, token, url, mode, status, valid_until, and the PIN if asked for."""
    return {
        "id": str(created.invitation.id),
        "token": created.token,
        "url": created.url,
        "mode": created.invitation.mode,
        "status": created.invitation.status,
        "valid_until": rfc3339(created.invitation.valid_until),
        **({"pin": created.pin} if created.pin else {}),
    }


def rfc3339(moment: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC, None for None."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
