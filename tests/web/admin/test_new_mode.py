"""A mode is a row of one table: form, settings, message, login page and sign-in follow from it."""

import httpx2
import pytest

from otae.delivery.texts.languages import sign_in_words
from otae.paths import INSTALL, LOGIN
from otae.store.models import EnrollmentSession, Invitation, Person
from tests.new_mode import add_mode
from tests.web.admin.test_invitations import form
from tests.web.conftest import Invite, Site
from tests.web.test_login import fields, open_link

pytestmark = pytest.mark.anyio


async def test_a_new_mode_is_offered_set_and_invited_in(
    console: httpx2.AsyncClient, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode = add_mode(monkeypatch)
    settings = (await console.get("/admin/enrollment-modes")).text
    assert mode.title in settings
    assert f'name="{mode.name}"' in settings, "how its PIN goes out can be chosen"
    sent = {
        "enabled": "y",
        "valid_for": "2",
        "unit": "d",
        "max_tries": "5",
        "pin_length": "8",
        "pin_letters": "yes",
        "approval": "none",
    }
    sent |= dict.fromkeys(("url_template", "pin_template", "confirmation_template"), "")
    assert (await console.post(f"/admin/enrollment-modes/{mode.name}", data=sent)).status_code == 303
    assert mode.title in (await console.get("/admin/invitations/add")).text
    answer = await console.post("/admin/invitations/add", data=await form(console, mode=mode.name))
    assert answer.status_code == 303
    row = await Invitation.get()
    assert row.mode == mode.name
    assert mode.title in (await console.get(f"/admin/invitations/{row.id}")).text
    assert mode.title in (await console.get(f"/admin/invitations?mode={mode.name}")).text
    assert sign_in_words(mode.name, "en") == mode.sign_in


async def test_a_new_mode_signs_in_with_what_its_row_says(
    site: Site, invite: Invite, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode = add_mode(monkeypatch)
    made = await invite(mode.name)
    assert made.pin
    assert len(made.pin) == mode.pin_length
    await open_link(site, made.url)
    assert fields((await site.client.get(LOGIN)).text) == {"name", "pin"}
    answer = await site.client.post(LOGIN, data={"name": "ben", "pin": made.pin})
    assert (answer.status_code, answer.headers["location"]) == (303, INSTALL)
    assert (await EnrollmentSession.get()).mode == mode.name
