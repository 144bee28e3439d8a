"""Campaigns as tests need them: made, started, and looked after by a clock and a worker."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from otae.delivery.queue import outbox
from otae.invitations import campaign_moves, campaign_run, campaigns, group_worker
from otae.invitations.campaigns import Plan
from otae.invitations.groups import GroupOrder
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import (
    Campaign,
    Certificate,
    Delivery,
    Device,
    Enrollment,
    EnrollmentSession,
    Group,
    Invitation,
    Membership,
    Person,
)
from tests.invitations.guests import split

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def planned(
    desk: Desk,
    plan: Plan | None = None,
    group: str = "sales",
    *,
    now: datetime | None = None,
    **given: Any,  # noqa: ANN401 - a test gives what it needs by name
) -> Campaign:
    """Make a campaign for the group "sales", and look its people up."""
    terms, rest = split({"mode": "username_pin", "send": False, **given})
    now = now or await database.now()
    row = await campaigns.create(desk, GroupOrder(group, terms, **rest), plan or Plan("Autumn"), now=now, actor="ada")
    await work(desk, row, now)
    return await again(row)


async def started(
    desk: Desk,
    plan: Plan | None = None,
    group: str = "sales",
    *,
    now: datetime | None = None,
    **given: Any,  # noqa: ANN401 - as above
) -> Campaign:
    """Make a campaign, start it and invite whoever it invites at once."""
    now = now or await database.now()
    row = await planned(desk, plan, group, now=now, **given)
    await campaign_moves.start(desk, row, now=now, actor="ada")
    return await go_on(desk, row, now)


async def again(row: Campaign) -> Campaign:
    """Read a campaign anew."""
    found = await campaigns.find(row.id)
    assert found is not None
    return found


async def work(desk: Desk, row: Campaign, now: datetime) -> None:
    """Be the worker for the campaign's group invitation."""
    for _ in range(100):
        if not await group_worker.step(desk, row.group_invitation_id, now=now):
            break


async def go_on(desk: Desk, row: Campaign, now: datetime) -> Campaign:
    """Be the clock once, then the workers, until nothing is left to do at once."""
    await campaign_run.step(desk, row.id, now=now)
    await work(desk, row, now)
    for each in await Delivery.filter(status="queued"):
        await outbox.deliver(desk, each.id, now=now)
    await work(desk, row, now)
    return await again(row)


async def look(desk: Desk, row: Campaign, now: datetime) -> Campaign:
    """Let the campaign look at its group now, whenever it did before."""
    await campaign_moves.look_now(row)
    return await go_on(desk, row, now)


async def leave(*names: str, group: str = "sales") -> None:
    """Let people leave a local group."""
    row = await Group.get(domain="local", name=group)
    people = await Person.filter(name__in=names).values_list("id", flat=True)
    await Membership.filter(group_id=row.id, person_id__in=list(people)).delete()


async def links(campaign_id: UUID) -> dict[str, str]:
    """Give the status of each person's link of a campaign, by user name."""
    rows = await Invitation.filter(campaign_id=campaign_id).prefetch_related("person")
    return {each.person.name: each.status for each in rows}


async def mac_of(
    desk: Desk, person: Person, now: datetime, *, serial: str = "C02CAMP00001", **columns: object
) -> Enrollment:
    """Give somebody an enrolled Mac, whose enrollment has these ``columns`` besides."""
    issuer = await Certificate.get(purpose="device-ca", active=True)
    values = {"person_id": person.id, "ownership": "corporate"}
    session = EnrollmentSession(mode="username_password", way="ota", status="enrolled", **values)
    session.opened_at = session.expires_at = now
    await session.save(force_create=True)
    certificate = Certificate(
        purpose="mdm-identity", serial_number=uuid4().hex, subject="CN=mac", sha256=uuid4().hex * 2
    )
    certificate.not_before, certificate.not_after, certificate.created_at = now, now + 365 * DAY, now
    certificate.issuer_id, certificate.session_id, certificate.state = issuer.id, session.id, "issued"
    await certificate.save(force_create=True)
    device = Device(udid=str(uuid4()), serial=serial, created_at=now, seen_at=now)
    await device.save(force_create=True)
    row = Enrollment(device_id=device.id, session_id=session.id, certificate_id=certificate.id, topic="com.example")
    row.update_from_dict({"status": "enrolled", "authenticated_at": now, "enrolled_at": now, **values, **columns})
    await row.save(force_create=True)
    return row
