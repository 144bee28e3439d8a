"""A role limited to a group: its administrator sees and changes that group's people, and nobody else exists."""

import re
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest

from otae.accounts import administrators
from otae.accounts.own_roles import RoleDraft, add_role
from otae.accounts.permissions import PERMISSIONS
from otae.accounts.roles import Grantor
from otae.directory.local import people
from otae.invitations import groups as group_invitations
from otae.invitations import lifecycle
from otae.invitations.groups import GroupOrder
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.models import (
    Approval,
    Delivery,
    Device,
    Enrollment,
    Event,
    Group,
    GroupInvitation,
    GroupInvitee,
    Invitation,
    Membership,
    Person,
)
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

BEN, CLEO = "00008110-00000000BEEF", "00008110-00000000C1E0"
UDIDS = {"ben": BEN, "cleo": CLEO}
PASSWORD = "four quiet words here"
BOUNDED = frozenset(permission.name for permission in PERMISSIONS.values() if permission.bounded)


@pytest.fixture
async def limited(site: Site) -> httpx2.AsyncClient:
    """Give the browser of Sara, who may do everything with people, but only with those of Sales.

    Ben is in a sub-group of it with an invitation and a Mac; so is Cleo's all, elsewhere.
    """
    now, desk = await database.now(), site.desk
    macs = {}
    for name in ("ben", "cleo"):
        macs[name] = LabMac()
        macs[name].udid, macs[name].serial = UDIDS[name], f"C02{name.upper():0<7}"
        session = await lab.signed_in(desk, now, name, way="profile")
        topic = await macs[name].install_profile(desk, session, now)
        await macs[name].authenticate(desk, now, topic)
        await macs[name].token_update(desk, now, topic)
        person = await Person.get(name=name)
        await Person.filter(id=person.id).update(email=f"{name}@example.test")
        group = await Group.get_or_none(name="sales" if name == "ben" else "legal")
        group = group or await Group.create(name="sales.north" if name == "ben" else "legal")
        await Membership.create(group=group, person=person)
        order = InvitationOrder(name, InvitationTerms(mode="username_pin", send=False))
        await lifecycle.create(desk, order, now=now, actor="ada")
    await Group.create(name="sales")
    for group_name in ("sales", "legal"):
        await group_invitations.order(
            desk, GroupOrder(group_name, InvitationTerms(mode="username_pin")), now=now, actor="ada"
        )
    await add_role(desk, "sales desk", RoleDraft(permissions=BOUNDED, groups=("sales",)), by=Grantor("ada"), now=now)
    given = {"name": "sara", "password": PASSWORD, "role": "sales desk"}
    await administrators.create_administrator(desk, **given, now=now, actor="ada")
    answer = await site.client.post("/admin/sign-in", data={"name": "sara", "password": PASSWORD})
    assert answer.status_code == 303
    return site.client


async def form(limited: httpx2.AsyncClient, path: str, **changes: str) -> dict[str, str]:
    """Return what a browser sends from an empty form, with ``changes``."""
    page = (await limited.get(path)).text
    sent = dict(re.findall(r'name="([a-z_]+)" type="hidden" value="([^"]+)"', page))
    sent |= dict(re.findall(r'<select[^>]*name="([a-z_]+)"[^>]*><option (?:selected )?value="([^"]*)"', page))
    return sent | {"mode": "username_pin", "ownership": "corporate", "platform": "macos"} | changes


async def id_of(name: str) -> UUID:
    return (await Invitation.filter(person__name=name, status="pending").first() or Invitation()).id


async def test_lists_and_counts_hold_only_those_people(limited: httpx2.AsyncClient) -> None:
    for path in ("/admin", "/admin/invitations", "/admin/devices", "/admin/users", "/admin/groups"):
        page = (await limited.get(path)).text
        assert "cleo" not in page.lower(), path
        assert "legal" not in page.lower(), path
    dashboard = (await limited.get("/admin")).text
    steps = re.findall(r'<td class="otae-number"><a[^>]*>(\d+)</a>', dashboard)
    assert steps == ["2", "1", "1", "1", "1", "1", "1", "1"], "one that waits, one enrolled"
    assert "1 Mac enrolled" in dashboard
    tabs = re.findall(r'otae-tab-number">(\d+)<', (await limited.get("/admin/invitations")).text)
    assert tabs == ["2", "1", "1", "0", "0", "0"]
    assert "ben" in (await limited.get("/admin/users")).text
    assert "legal" not in (await limited.get("/admin/group-invitations")).text
    assert "sales" in (await limited.get("/admin/group-invitations")).text


async def test_searching_finds_nobody_else(limited: httpx2.AsyncClient) -> None:
    code = "QQQQQ"
    await Event.create(kind="refused", support_code=code, invitation_id=await id_of("cleo"), at=await database.now())
    for path in (
        "/admin/invitations?q=cleo",
        "/admin/invitations?q=C02CLEO",
        f"/admin/invitations?q={code}",
        "/admin/invitations?status=stuck&q=cleo",
        "/admin/devices?q=cleo",
        "/admin/users?q=cleo",
        "/admin/invitations/people?recipient=cle",
        "/admin/groups?q=legal",
    ):
        page = (await limited.get(path)).text
        assert "cleo@example.test" not in page, path
        assert 'value="cleo"' not in page or "q=cleo" in path, path
        assert "C02CLEO" not in page or "q=C02CLEO" in path, path
    assert "ben@example.test" in (await limited.get("/admin/invitations/people?recipient=be")).text


async def test_a_row_of_somebody_else_is_nowhere_whatever_is_asked_of_it(limited: httpx2.AsyncClient) -> None:
    cleo, other = await id_of("cleo"), await GroupInvitation.get(name="legal")
    person, group = await Person.get(name="cleo"), await Group.get(name="legal")
    asked = Approval(invitation_id=cleo, number=1, asked="administrator", remark="", asked_at=await database.now())
    await asked.save(force_create=True)
    before = [await model.all().order_by("id").values() for model in (Invitation, Delivery, Device, GroupInvitation)]
    for method, path in [
        ("GET", f"/admin/invitations/{cleo}"),
        *(("POST", f"/admin/invitations/{cleo}/{what}") for what in ("resend", "extend", "link", "revoke")),
        ("POST", f"/admin/desk/{cleo}"),
        ("POST", f"/admin/approvals/{asked.id}"),
        ("GET", f"/admin/devices/{CLEO}"),
        ("POST", f"/admin/devices/{CLEO}/release"),
        ("GET", f"/admin/users/{person.id}"),
        ("GET", f"/admin/groups/{group.id}"),
        ("GET", f"/admin/groups/{group.id}/members"),
        ("GET", f"/admin/group-invitations/{other.id}"),
        ("GET", f"/admin/group-invitations/{other.id}/export"),
        ("GET", f"/admin/group-invitations/{other.id}/mail/1"),
        *(("POST", f"/admin/group-invitations/{other.id}/{what}") for what in ("start", "pause", "resume", "cancel")),
    ]:
        answer = await limited.request(method, path)
        assert (answer.status_code, path) == (404, path)
        assert "cleo" not in answer.text
    after = [await model.all().order_by("id").values() for model in (Invitation, Delivery, Device, GroupInvitation)]
    assert before == after, "nothing of it changed either"
    assert (await Approval.get()).status == "waiting"
    assert "cleo" not in (await limited.get("/admin/approvals")).text
    assert "cleo@" not in (await limited.get("/admin/desk?q=cleo")).text


async def test_what_is_done_to_many_leaves_others_as_they_are(limited: httpx2.AsyncClient) -> None:
    ids = [str(await id_of(name)) for name in ("ben", "cleo")]
    answer = await limited.post("/admin/invitations/many", data={"what": "revoke", "id": ids, "answered": "yes"})
    assert answer.status_code == 303
    assert {row.person.name: row.status for row in await Invitation.filter(id__in=ids).prefetch_related("person")} == {
        "ben": "revoked",
        "cleo": "pending",
    }


async def test_nobody_else_can_be_invited(limited: httpx2.AsyncClient) -> None:
    one, many = "/admin/invitations/add", "/admin/group-invitations/add"
    said = {}
    for name in ("cleo", "nobody"):
        page = await limited.post(one, data=await form(limited, one, recipient=name))
        assert page.status_code == 422
        said[name] = re.findall(r'class="invalid-feedback[^>]*>([^<]+)<', page.text)
    assert said["cleo"] == said["nobody"] == ["there is nobody with this user name"], "out of reach is not there"
    assert (await limited.post(many, data=await form(limited, many, group="legal"))).status_code == 422
    assert "legal" not in (await limited.get(many)).text
    assert (await limited.post("/admin/group-invitations/csv/upload", data={})).status_code == 403
    assert await Invitation.filter(person__name="cleo").count() == 2
    mine = await form(limited, one, recipient="ben", send="y", despite=str((await Person.get(name="ben")).id))
    assert (await limited.post(one, data=mine)).status_code == 303
    assert (await limited.post(many, data=await form(limited, many, group="sales.north"))).status_code == 303


async def test_results_of_a_group_leave_out_who_left_it(limited: httpx2.AsyncClient) -> None:
    mine = await GroupInvitation.get(name="sales")
    people = {name: await Person.get(name=name) for name in ("ben", "cleo")}
    for number, (name, person) in enumerate(people.items(), 1):
        row = GroupInvitee(group_invitation=mine, person=person, name=name, display_name=name, number=number)
        await row.save(force_create=True)
    for path in (f"/admin/group-invitations/{mine.id}", f"/admin/group-invitations/{mine.id}/export"):
        page = await limited.get(path)
        assert page.status_code == 200
        assert "ben" in page.text
        assert "cleo" not in page.text
    assert (await limited.get(f"/admin/group-invitations/{mine.id}/mail/2")).status_code == 404


async def test_a_mac_that_went_to_somebody_else_goes_out_of_sight(site: Site, limited: httpx2.AsyncClient) -> None:
    assert (await limited.get(f"/admin/devices/{BEN}")).status_code == 200
    cleo = await Person.get(name="cleo")
    await Enrollment.filter(device__udid=BEN).update(person_id=cleo.id)
    await Device.filter(udid=BEN).update(person_id=cleo.id)
    assert (await limited.get(f"/admin/devices/{BEN}")).status_code == 404
    assert BEN not in (await limited.get("/admin/devices")).text
    assert (await limited.post(f"/admin/devices/{BEN}/release")).status_code == 404


async def test_a_search_for_somebody_out_of_reach_finds_no_mac_that_was_theirs(limited: httpx2.AsyncClient) -> None:
    mine, theirs = await Enrollment.get(device__udid=BEN), await Enrollment.get(device__udid=CLEO)
    before = mine.authenticated_at - timedelta(days=1)
    earlier = Enrollment(device_id=mine.device_id, person_id=theirs.person_id, session_id=theirs.session_id)
    earlier.update_from_dict({"certificate_id": theirs.certificate_id, "topic": mine.topic, "ownership": "corporate"})
    earlier.update_from_dict({"status": "unenrolled", "authenticated_at": before, "enrolled_at": before})
    await earlier.save(force_create=True)
    assert BEN in (await limited.get("/admin/devices?q=ben")).text
    assert BEN not in (await limited.get("/admin/devices?q=cleo")).text
    assert BEN not in (await limited.get("/admin/devices?q=cleo%40example.test")).text


async def test_a_list_is_narrowed_by_no_group_invitation_out_of_reach(limited: httpx2.AsyncClient) -> None:
    other, ben = await GroupInvitation.get(name="legal"), await Person.get(name="ben")
    invitation = await Invitation.filter(person_id=ben.id).first()
    given = {"name": "ben", "display_name": "ben", "number": 1, "invitation": invitation}
    await GroupInvitee(group_invitation=other, person=ben, **given).save(force_create=True)
    assert "ben@example.test" not in (await limited.get(f"/admin/invitations?order={other.id}")).text


async def test_who_joins_or_leaves_the_group_counts_from_the_next_click(limited: httpx2.AsyncClient) -> None:
    cleo, ben = await Person.get(name="cleo"), await Person.get(name="ben")
    await Membership.create(group=await Group.get(name="sales"), person=cleo)
    await Membership.filter(person=ben).delete()
    page = (await limited.get("/admin/users")).text
    assert "cleo" in page
    assert "ben@" not in page
    assert (await limited.get(f"/admin/invitations/{await id_of('ben')}")).status_code == 404
    await Group.filter(name__startswith="sales").delete()
    assert "cleo" not in (await limited.get("/admin/users")).text, "without its group a limited role sees nobody"


async def test_what_is_about_the_installation_is_closed(site: Site, limited: httpx2.AsyncClient) -> None:
    await people.list_people()
    for path in ("/admin/audit", "/admin/mail", "/admin/properties", "/admin/certificates/issued", "/admin/roles"):
        assert (await limited.get(path)).status_code == 403, path
