"""What uses an object stands on its page, and what is pending is sent again in one click and a question."""

import httpx2
import pytest

from otae.delivery.texts import templates
from otae.invitations import bulk_actions
from otae.store.models import Administrator, Invitation, Job
from tests.web.conftest import Invite

pytestmark = pytest.mark.anyio

MODE = "/admin/dependents/mode/username_pin/resend"


async def generations() -> list[int]:
    return [row.generation for row in await Invitation.all()]


async def test_each_page_names_what_uses_the_object(console: httpx2.AsyncClient, invite: Invite) -> None:
    await invite("username_pin")
    template = await templates.default_template("url")
    for page in ("/admin/enrollment-modes/username_pin", f"/admin/templates/{template.id}", "/admin/certificates"):
        text = (await console.get(page)).text
        assert "What uses it" in text, page
        assert "Send the pending invitation again" in text, page
    assert "Nothing uses it at the moment." in (await console.get("/admin/enrollment-modes/two_factor")).text


async def test_what_is_pending_is_sent_again_after_a_question_that_counts(
    console: httpx2.AsyncClient, invite: Invite
) -> None:
    await invite("username_pin")
    asked = await console.post(MODE, follow_redirects=True)
    assert "Send 1 invitation again" in asked.text
    assert await generations() == [1]
    stale = await console.post(MODE, data={"answered": "yes", "number": "7"}, follow_redirects=True)
    assert "Send 1 invitation again" in stale.text
    done = await console.post(MODE, data={"answered": "yes", "number": "1"})
    assert done.headers["location"] == "/admin/invitations?status=pending"
    assert await generations() == [2]


async def test_many_are_sent_again_by_a_worker(
    console: httpx2.AsyncClient, invite: Invite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 0)
    await invite("username_pin")
    done = await console.post(MODE, data={"answered": "yes", "number": "1"})
    job = await Job.get(kind=bulk_actions.JOB)
    assert str(job.id) in done.headers["location"]


@pytest.mark.parametrize("what", ["mode/none", "group/sales", "template/x", "server/00", "authority/leaf", "x/y"])
async def test_what_there_is_not_is_not_found(console: httpx2.AsyncClient, what: str) -> None:
    assert (await console.post(f"/admin/dependents/{what}/resend")).status_code == 404


async def test_who_may_not_send_again_is_refused(console: httpx2.AsyncClient, invite: Invite) -> None:
    await invite("username_pin")
    await Administrator.filter(name="ada").update(role="USER")
    assert (await console.post(MODE)).status_code == 403
    assert await generations() == [1]
