"""What uses a template, server, mode, group or the authority, and which invitations can be sent again."""

from typing import Any
from uuid import uuid4

import pytest

from otae.delivery.servers import ServerEntry, add_server
from otae.delivery.texts import template_editing, templates
from otae.directory.local import groups
from otae.directory.reach import reach_of
from otae.overview import dependents
from otae.overview.dependents import Dependents
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, GroupInvitation, Invitation, Role
from tests.invitations.guests import add_person, invite

pytestmark = pytest.mark.anyio


def shown(found: Dependents) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {str(each.label): (each.number, each.names) for each in found.used}


async def order(**columns: Any) -> None:  # noqa: ANN401 - columns
    terms = {"mode": "username_pin", "ownership": "corporate", "created_by": "ada"}
    await GroupInvitation(**terms | columns, key=uuid4().hex, name="sales", created_at=await database.now()).save()


async def test_a_template_is_used_by_what_names_it_and_a_default_one_by_what_names_none(desk: Desk) -> None:
    now = await database.now()
    default = await templates.default_template("url")
    own = await template_editing.clone(default, "Ours", now=now, actor="ada")
    mine, other = (await invite(desk)).invitation, (await invite(desk, user="cleo")).invitation
    await Invitation.filter(id=mine.id).update(url_template_id=own.id)
    await order(url_template_id=own.id)
    await order(url_template_id=own.id, status="done")
    found = await dependents.of_template(own)
    assert shown(found) == {"Pending invitations": (1, ()), "Group invitations that have not ended": (1, ())}
    assert (found.pending, found.resend) == (1, f"/admin/dependents/template/{own.id}/resend")
    assert (await dependents.of_template(default)).pending == 1
    reach = await reach_of([], now=now)
    assert await dependents.pending_ids("template", str(own.id), reach=reach) == [mine.id]
    await Invitation.filter(id=mine.id).update(status="redeemed")
    assert await dependents.pending_ids("template", str(own.id), reach=reach) == []
    assert await dependents.pending_ids("template", str(uuid4()), reach=reach) is None
    assert await dependents.pending_ids("template", str(default.id), reach=reach) == [other.id]
    trouble = await templates.default_template("trouble")
    assert shown(await dependents.of_template(trouble)) == {}


async def test_a_server_is_used_by_messages_that_wait(desk: Desk) -> None:
    now = await database.now()
    entered: dict[str, Any] = {"from_name": "IT", "from_email": "it@example.test"}
    used = await add_server(desk, ServerEntry(name="House", host="a.example.org", **entered), now=now, actor="ada")
    spare = await add_server(
        desk, ServerEntry(name="Spare", host="b.example.org", standby=1, **entered), now=now, actor="ada"
    )
    third = await add_server(desk, ServerEntry(name="Third", host="c.example.org", **entered), now=now, actor="ada")
    created = await invite(desk)
    number = await Delivery.filter(status="queued").count()
    assert shown(await dependents.of_server(used)) == {
        "Messages that wait": (number, ()),
        "Servers that take its place": (1, ("Spare",)),
    }
    assert "Messages that wait" in shown(await dependents.of_server(spare))
    assert "Messages that wait" not in shown(await dependents.of_server(third))
    await Delivery.filter(invitation_id=created.invitation.id, kind="url").update(status="failed")
    assert (await dependents.of_server(used)).pending == 1


async def test_a_mode_a_group_and_the_authority_name_what_uses_them(desk: Desk) -> None:
    now = await database.now()
    await add_person(desk, "ben", groups=["sales"])
    ben = (await invite(desk, "username_pin")).invitation
    await invite(desk, "two_factor", user="cleo")
    await order(domain="local")
    found = shown(await dependents.of_mode("username_pin"))
    assert found == {"Pending invitations": (1, ()), "Group invitations that have not ended": (1, ())}
    await Role(name="SALES", permissions=["person.see"], groups=["local/sales"], created_at=now).save()
    group = await groups.find_group("sales")
    assert group is not None
    assert shown(await dependents.of_group(group.id, group.domain, group.name)) == {
        "Members": (1, ()),
        "Roles limited to it": (1, ("SALES",)),
        "Group invitations that have not ended": (1, ()),
    }
    assert (await dependents.of_authority()).pending == 2
    within = await reach_of(["local/sales"], now=now)
    assert await dependents.pending_ids("authority", "root", reach=within) == [ben.id]
