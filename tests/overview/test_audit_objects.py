"""What the audit log's entries are about, by name and page: also when it is gone."""

from datetime import datetime
from uuid import uuid4

import pytest

from otae.accounts import administrators
from otae.delivery.servers import ServerEntry, add_server, remove_server
from otae.directory.local import groups
from otae.overview import audit_objects
from otae.overview.audit_objects import NamedObject
from otae.store import audit, database, property_changes
from otae.store.audit_entries import AuditFilter, list_entries
from otae.store.desk import Desk
from otae.store.models import Device, Invitation
from tests.invitations.guests import invite

pytestmark = pytest.mark.anyio


async def subject(action: str) -> NamedObject:
    """Return what the newest entry of this action is about."""
    entry = (await list_entries(AuditFilter(action=action)))[0]
    return (await audit_objects.subjects_of([entry]))[entry.id]


@pytest.fixture
async def now(desk: Desk) -> datetime:
    return await database.now()


async def test_people_invitations_and_macs_are_named_and_lead_to_their_pages(desk: Desk, now: datetime) -> None:
    created = await invite(desk)
    ben = created.invitation.person_id
    assert await subject("person.added") == NamedObject("ben", f"/admin/users/{ben}", "person.see")
    page = f"/admin/invitations/{created.invitation.id}"
    assert await subject("invitation.created") == NamedObject("ben", page, "invitation.see")
    await Device(udid="U-1", serial="C02BEN", name="<b>Mac</b>", created_at=now, seen_at=now).save()
    await audit.record("ada", "device.released", now=now, subject="U-1", detail=str(ben))
    assert await subject("device.released") == NamedObject("<b>Mac</b>", "/admin/devices/U-1", "device.see")
    await Invitation.filter(id=created.invitation.id).delete()
    assert (await subject("invitation.created")).page == f"/admin/users/{ben}", (
        "the person of an invitation that is gone"
    )


async def test_what_is_gone_keeps_its_name_and_leads_nowhere(desk: Desk, now: datetime) -> None:
    entry = ServerEntry(name="House mail", host="mail.example.org", from_name="IT", from_email="it@example.test")
    server = await add_server(desk, entry, now=now, actor="ada")
    there = await subject("notification-server.add")
    assert (there.name, there.page) == ("House mail", f"/admin/notification-servers/{server.id}")
    await remove_server(server, now=now, actor="ada")
    assert await subject("notification-server.add") == NamedObject("House mail")
    group = await groups.add_group("sales", now=now, actor="ada")
    assert (await subject("group.added")).page == f"/admin/groups/{group.id}"
    await groups.remove_group(group, now=now, actor="ada")
    assert await subject("group.removed") == NamedObject("sales")


async def test_settings_lead_to_their_page_if_there_is_one(desk: Desk, now: datetime) -> None:
    await property_changes.change("retention.days", "30", now=now, actor="ada")
    assert (await subject("property.set")).page == "/admin/properties/retention.days"
    for action, what in (("property.set", "no.such"), ("mode.values", "x"), ("invitation.created", "../../else")):
        await audit.record("ada", action, now=now, subject=what)
        assert await subject(action) == NamedObject(what)
    for action in ("role.removed", "mail.opened", "thing.done"):
        await audit.record("ada", action, now=now, subject=str(uuid4()))
        assert (await subject(action)).permission in {"", "mail.see"}


async def test_actors_and_what_is_searched_for(desk: Desk, now: datetime) -> None:
    ada = await administrators.create_administrator(
        desk, name="ada", password="four quiet words here", now=now, actor="command line"
    )
    created = await invite(desk)
    ben = str(created.invitation.person_id)
    await audit.record(ben, "person.password-set", now=now, subject=ben)
    actors = await audit_objects.actors_of(await list_entries())
    assert actors["ada"].page == f"/admin/administrators/{ada.id}"
    assert (actors[ben].name, "command line" in actors) == ("ben", False)
    assert set(await audit_objects.object_texts(" BEN ")) == {"BEN", ben, str(created.invitation.id)}
    await Device(udid="U-1", serial="C02BEN", created_at=now, seen_at=now).save()
    assert set(await audit_objects.object_texts("c02ben")) == {"c02ben", "U-1"}
    assert await audit_objects.object_texts("\x00 \u202e") == ()
