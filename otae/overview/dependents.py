"""What uses a template, notification server, mode, group or certificate authority: told before it is changed.

Counts go up to `paging.COUNT_LIMIT`. The follow-up of a change is to send again what is still pending (`pending`).
"""

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from tortoise.queryset import QuerySet

from otae import paths
from otae.directory.reach import EVERYBODY, Reach
from otae.store import stuck
from otae.store.models import (
    Campaign,
    Delivery,
    Enrollment,
    GroupInvitation,
    Invitation,
    Membership,
    NotificationServer,
    NotificationTemplate,
    Role,
)
from otae.store.paging import count_capped
from otae.store.states import EnrollmentStatus, InvitationStatus
from otae.translatable import N_

#: The kinds whose change may call for sending again.
Resendable = Literal["template", "server", "mode", "authority"]
#: Most invitations that are sent again at once.
MOST: Final = 10_000
#: The states of group invitations that have not ended.
_RUNNING: Final = ("reading", "dry-run", "ready", "expanding", "paused", "sending")


@dataclass(frozen=True)
class Dependent:
    """Something that uses an object, by number or by names. ``page``: where it is listed, "" for nowhere."""

    label: str
    number: int
    names: tuple[str, ...] = ()
    page: str = ""
    permission: str = ""


@dataclass(frozen=True)
class Dependents:
    """Everything that uses an object. ``pending``: number of invitations to send again; ``resend``: the POST for it."""

    found: list[Dependent]
    pending: int = 0
    resend: str = ""

    @property
    def used(self) -> list[Dependent]:
        """Those that there are any of."""
        return [each for each in self.found if each.number]


async def of_template(template: NotificationTemplate) -> Dependents:
    """Return what uses a template: invitations and group invitations that name it, or have none of their own."""
    invitations = pending("template", str(template.id), template=template)
    found = [Dependent(N_("Pending invitations"), await count_capped(invitations))]
    if template.kind in _CHOSEN:
        named = {f"{template.kind}_template_id": None if template.system else template.id}
        found.append(await _running(GroupInvitation.filter(**named)))
    return await _with_resend(found, "template", str(template.id), invitations)


async def of_server(server: NotificationServer) -> Dependents:
    """Return what uses a notification server: messages that wait, and the servers that would take its place."""
    waiting = Delivery.filter(status__in=["queued", "sending"], channel="mail" if server.kind == "smtp" else "sms")
    standby = NotificationServer.filter(kind=server.kind, standby__gt=0, active=False).exclude(id=server.id)
    names = tuple(row.name for row in await standby.order_by("standby", "name"))
    used = server.active or server.standby > 0
    invitations = pending("server", str(server.id))
    found = [
        Dependent(N_("Messages that wait"), await count_capped(waiting) if used else 0),
        Dependent(N_("Pending invitations whose link or PIN did not arrive"), await count_capped(invitations)),
        Dependent(N_("Servers that take its place"), len(names), names),
    ]
    return await _with_resend(found, "server", str(server.id), invitations)


async def of_mode(name: str) -> Dependents:
    """Return what uses an enrollment mode: its pending invitations, and group invitations that have not ended."""
    invitations = pending("mode", name)
    page = paths.INVITATIONS(status="pending", mode=name)
    found = [
        Dependent(N_("Pending invitations"), await count_capped(invitations), page=page, permission="invitation.see"),
        await _running(GroupInvitation.filter(mode=name)),
    ]
    return await _with_resend(found, "mode", name, invitations)


async def of_group(group_id: UUID, domain: str, name: str) -> Dependents:
    """Return what uses a group: members, roles limited to it, campaigns and group invitations that have not ended."""
    roles = [row.name for row in await Role.all().order_by("name") if f"{domain}/{name}" in row.groups]
    orders = GroupInvitation.filter(source="group", domain=domain, name=name)
    following = Campaign.filter(group_invitation_id__in=[row.id for row in await orders.only("id")])
    campaigns = await following.exclude(status="ended").order_by("name").values_list("name", flat=True)
    return Dependents(
        [
            Dependent(N_("Members"), await count_capped(Membership.filter(group_id=group_id))),
            Dependent(N_("Roles limited to it"), len(roles), tuple(roles), paths.ROLES, "administrator.see"),
            Dependent(N_("Campaigns that follow it"), len(campaigns), tuple(map(str, campaigns))),
            await _running(orders),
        ]
    )


async def of_authority() -> Dependents:
    """Return what uses the certificate authority: enrolled Macs, and pending invitations that tell its fingerprint."""
    enrolled = Enrollment.filter(status=EnrollmentStatus.ENROLLED, rehearsal=False)
    invitations = pending("authority", "root")
    page = paths.INVITATIONS(status="pending")
    found = [
        Dependent(N_("Enrolled Macs"), await count_capped(enrolled), page=paths.DEVICES, permission="device.see"),
        Dependent(N_("Pending invitations"), await count_capped(invitations), page=page, permission="invitation.see"),
    ]
    return await _with_resend(found, "authority", "root", invitations)


#: The kinds of template that an invitation may name.
_CHOSEN: Final = ("url", "pin", "confirmation")


def pending(
    kind: Resendable, which: str, *, template: NotificationTemplate | None = None, reach: Reach = EVERYBODY
) -> QuerySet[Invitation]:
    """Select the pending invitations within ``reach`` that use an object.

    Args:
        which: The object's id; a mode's name; "root" for the certificate authority.
        template: The template with that id.
    """
    rows = Invitation.filter(
        reach.people("person_id", listed=Invitation), status=InvitationStatus.PENDING, rehearsal=False, deleted_at=None
    )
    if kind == "mode":
        return rows.filter(mode=which)
    if kind == "server":
        return rows.filter(id__in=stuck.failed_deliveries())
    if kind == "authority":
        return rows
    if template is None or template.kind not in _CHOSEN:
        return rows.filter(id=UUID(int=0))  # none: nobody waits for such a message
    return rows.filter(**{f"{template.kind}_template_id": None if template.system else template.id})


async def pending_ids(kind: Resendable, which: str, *, reach: Reach) -> list[UUID] | None:
    """Return the ids of the pending invitations that use an object, the newest MOST; None without such an object."""
    template = None
    if kind == "template":
        template = await NotificationTemplate.get_or_none(id=UUID(which))
        if template is None:
            return None
    rows = pending(kind, which, template=template, reach=reach).order_by("-created_at", "-id").limit(MOST)
    return [row.id for row in await rows.only("id")]


async def _running(orders: QuerySet[GroupInvitation]) -> Dependent:
    number = await count_capped(orders.filter(status__in=_RUNNING))
    label, page = N_("Group invitations that have not ended"), paths.GROUP_INVITATIONS
    return Dependent(label, number, page=page, permission="group-invitation.see")


async def _with_resend(
    found: list[Dependent], kind: Resendable, which: str, invitations: QuerySet[Invitation]
) -> Dependents:
    return Dependents(found, await count_capped(invitations), paths.DEPENDENTS_RESEND(kind, which))
