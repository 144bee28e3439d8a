"""What a button asks before its form is sent: a page without script, the content of a dialog with it."""

import html

import httpx2
import pytest

from otae.store.models import Administrator, Group, Invitation
from tests.web.conftest import Invite
from tests.web.page_forms import forms_of

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true"}
QUESTION = "Revoke the invitation of Ben? Link and PIN stop working."


async def test_nothing_happens_before_the_answer(console: httpx2.AsyncClient, invite: Invite) -> None:
    row = (await invite("username_pin")).invitation
    page = f"/admin/invitations/{row.id}"
    shown = (await console.post(f"{page}/revoke", data={"ask": f"{QUESTION}\nRevoke the invitation"})).text
    assert QUESTION in shown
    assert (await Invitation.get(id=row.id)).status == "pending"
    assert QUESTION not in (await console.get(page)).text, "a reload shows the page"

    form = next(each for each in forms_of(shown) if each.action == f"{page}/revoke")
    await console.post(form.action, data={name: values[0] for name, values in form.sent.items()})
    assert (await Invitation.get(id=row.id)).status == "revoked"


async def test_a_dialog_gets_the_question_alone(console: httpx2.AsyncClient, invite: Invite) -> None:
    row = (await invite("username_pin")).invitation
    data = {"ask": f"{QUESTION}\r\nRevoke the invitation", "kept": "as it was"}
    asked = await console.post(f"/admin/invitations/{row.id}/revoke", data=data, headers=PART)
    assert asked.status_code == 200
    assert asked.text.strip().startswith("<form")
    assert 'name="kept" value="as it was"' in asked.text
    assert (await Invitation.get(id=row.id)).status == "pending"


async def test_a_question_is_text_and_never_markup(console: httpx2.AsyncClient) -> None:
    name = "<img src=x onerror=alert(1)>"
    group = await Group.create(name=name, domain="local")
    page = (await console.get(f"/admin/groups/{group.id}")).text
    data = {"ask": f"{name}\n{name}", name: name}
    asked = await console.post(f"/admin/groups/{group.id}/remove", data=data, headers=PART)
    for text in (page, asked.text):
        assert "<img src=x" not in text
    assert html.escape(name) in asked.text
    assert await Group.exists(id=group.id)


async def test_who_may_not_do_it_is_not_asked(console: httpx2.AsyncClient, invite: Invite) -> None:
    await Administrator.filter(name="ada").update(role="USER")
    row = (await invite("username_pin")).invitation
    answer = await console.post(f"/admin/invitations/{row.id}/revoke", data={"ask": "Sure?"}, headers=PART)
    assert answer.status_code == 403
