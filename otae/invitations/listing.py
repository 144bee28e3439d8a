"""Reading invitations: lists, counts, timelines, and their JSON for scripts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from otae.directory.local.groups import with_subgroups
from otae.directory.reach import EVERYBODY, Reach, members_of
from otae.invitations import groups, tokens
from otae.invitations.lifecycle import Created
from otae.store import carried_data, stuck
from otae.store.models import EnrollmentSession, Event, Group, GroupInvitee, Invitation, Person
from otae.store.paging import EPOCH, NEWEST_FIRST, Order, count_capped, narrowed, read_page
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
    then. ``campaign``: id of the campaign that made them. ``created_by``: name of who made them. ``created_from`` and
    ``created_to``, ``ends_from`` and ``ends_to``: made, or valid until a time, from the one and before the other.
    ``reached``: a `rollout.Step` that they have reached; ``stopped``: the furthest one that they have.
    """

    mode: str = ""
    ownership: str = ""
    search: str = ""
    group: UUID | None = None
    group_invitation: UUID | None = None
    stuck_since: datetime | None = None
    campaign: UUID | None = None
    reached: int = 0
    stopped: int = 0
    created_by: str = ""
    created_from: datetime | None = None
    created_to: datetime | None = None
    ends_from: datetime | None = None
    ends_to: datetime | None = None


EVERYTHING: Final = Filters()
#: What a list can be sorted by, by name.
ORDERS: Final[Mapping[str, Order]] = {
    "recipient": Order(("sort_name", "created_at", "id"), down=False),
    "mode": Order(("mode", "created_at", "id"), down=False),
    "status": Order(("status", "created_at", "id"), down=False, values=tuple(sorted(InvitationStatus))),
    "ends": Order(("valid_until", "created_at", "id"), down=False, nulls=True),
    "created": NEWEST_FIRST,
    "seen": Order(("seen_at", "created_at", "id"), nulls=True),
}


async def list_invitations(
    status: str | None = None,
    after: str | Invitation | None = None,
    limit: int = 50,
    *,
    filters: Filters = EVERYTHING,
    reach: Reach = EVERYBODY,
    order: Order = NEWEST_FIRST,
    back: bool = False,
) -> list[Invitation]:
    """Return invitations of people within ``reach``, their person fetched, newest first; without rehearsals.

    Args:
        after: The last one seen, or its id; anything else starts at the first one.
        limit: At most `MAX_LIMIT` are returned.
        order: One of `ORDERS`, or the opposite of one.
        back: Return those before ``after`` instead.
    """
    rows = (await _matching(filters, reach)).filter(deleted_at=None)
    if status:
        rows = rows.filter(status=status)
    if filters != EVERYTHING or (status and order != NEWEST_FIRST):
        rows = await narrowed(rows)
    rows, limit = rows.prefetch_related("person"), min(limit, MAX_LIMIT)
    last = after if isinstance(after, Invitation) else await find_invitation(after or "")
    return await read_page(rows, order, limit=limit, at=last, back=back and last is not None)


async def _matching(filters: Filters, reach: Reach) -> QuerySet[Invitation]:
    rows = Invitation.filter(reach.people("person_id", listed=Invitation), rehearsal=False)
    exact = {
        "mode": filters.mode,
        "ownership": filters.ownership,
        "campaign_id": filters.campaign,
        "furthest_step__gte": filters.reached,
        "furthest_step": filters.stopped,
        "created_by": filters.created_by,
        "created_at__gte": filters.created_from,
        "created_at__lt": filters.created_to,
        "valid_until__gte": filters.ends_from,
        "valid_until__lt": filters.ends_to,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
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


async def creators(limit: int) -> list[str]:
    """Return the names of those who made invitations, sorted, one index look-up for each."""
    rows, names = Invitation.filter(rehearsal=False).order_by("created_by", "created_at", "id"), list[str]()
    while len(names) < limit and (row := await rows.filter(created_by__gt=names[-1] if names else "").first()):
        names.append(row.created_by)
    return names


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


async def counts(reach: Reach = EVERYBODY, filters: Filters = EVERYTHING) -> dict[str, int]:
    """Return the number of invitations in each status, bounded as by `count_capped`; without rehearsals."""
    rows = await _matching(filters, reach)
    if filters != EVERYTHING:
        rows = await narrowed(rows)
    # The deleted ones are few, and taken off: the index that counts does not know of them.
    deleted = Counter([row.status for row in await rows.filter(deleted_at__gte=EPOCH).only("status")])
    return {each.value: await count_capped(rows.filter(status=each)) - deleted[each] for each in InvitationStatus}


async def count(status: str, filters: Filters, reach: Reach) -> int:
    """Return how many invitations a list has, bounded as by `count_capped`; arguments as `list_invitations`."""
    rows = (await _matching(filters, reach)).filter(deleted_at=None)
    return await count_capped(rows.filter(status=status) if status else rows)


async def ids(status: str, filters: Filters, reach: Reach, limit: int) -> list[UUID]:
    """Return the ids of the invitations of a list, newest first, at most ``limit``; arguments as `list_invitations`."""
    rows = (await _matching(filters, reach)).filter(deleted_at=None)
    rows = rows.filter(status=status) if status else rows
    return [row_id for (row_id,) in await rows.order_by("-created_at", "-id").limit(limit).values_list("id")]


async def any_invitation(reach: Reach = EVERYBODY) -> bool:
    """Return whether there is any invitation of people within ``reach``, apart from rehearsals'."""
    return await Invitation.filter(reach.people("person_id"), rehearsal=False).exists()


async def find_invitation(text: str) -> Invitation | None:
    """Return the invitation with id ``text``, its person fetched; None for none, a deleted one, or what is no id."""
    try:
        wanted = UUID(text)
    except ValueError:
        return None
    return await Invitation.get_or_none(id=wanted, deleted_at=None).prefetch_related("person")


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
        "user": invitation.person.name,
        "valid_until": rfc3339(invitation.valid_until),
        "created_at": rfc3339(invitation.created_at),
        "redeemed_at": rfc3339(invitation.redeemed_at),
        "support_code": invitation.support_code,
        **{name: getattr(invitation, name) for name in carried_data.TITLES},
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
