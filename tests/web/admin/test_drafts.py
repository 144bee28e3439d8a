"""The form that invites shows beside it what it would do and send."""

import httpx2
import pytest

from otae.store.models import Delivery, Event, GroupInvitation, Invitation, Person
from tests.invitations.crowds import crowd
from tests.web.admin.test_invitations import HOSTILE, form

pytestmark = pytest.mark.anyio

DRAFT, MAIL = "/admin/invitations/preview", "/admin/invitations/preview/mail"
PART = {"HX-Request": "true"}


async def test_the_summary_says_what_would_be_done(console: httpx2.AsyncClient, ben: Person) -> None:
    sent = await form(console, serial="C02XK0AAAJG5", valid_until="2027-01-05T10:00", mode="username_pin")
    part = (await console.post(DRAFT, data=sent, headers=PART)).text
    for words in ("Ben Okafor", "ben@example.test", "C02XK0AAAJG5", "User name + PIN", "2027"):
        assert words in part
    sent = await form(console, send=None)
    assert "Nothing is sent." in (await console.post(DRAFT, data=sent, headers=PART)).text
    assert not await Invitation.exists()
    assert not await Event.exists()


async def test_the_mails_stand_in_a_sandbox_without_link_and_pin(console: httpx2.AsyncClient, ben: Person) -> None:
    sent = await form(console, note=HOSTILE)
    mail = await console.post(MAIL, data=sent)
    assert mail.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "Ben Okafor" in mail.text
    assert "<img src=x" not in mail.text
    pin = await console.post(MAIL, data=sent | {"message": "pin"})
    assert "••••••••" in pin.text
    nothing = await console.post(MAIL, data=await form(console, send=None))
    assert "Nothing is sent." in nothing.text
    assert not await Delivery.exists()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"mode": "none-such"},
        {"mode": None},
        {"recipient": HOSTILE},
        {"recipient": None},
        {"valid_until": "tomorrow"},
        {"note": "x" * 10_000},
        {"url_template": "none-such"},
        {"free_fields": "no value"},
        {"pin_channel": "pigeon"},
        {"ownership": "nobody"},
        {"serial": "\u202e"},
    ],
)
async def test_what_is_wrong_is_left_out_of_the_preview(
    console: httpx2.AsyncClient, ben: Person, spoilt: dict[str, str | None]
) -> None:
    sent = await form(console, **spoilt)
    for where in (MAIL, DRAFT):
        answer = await console.post(where, data=sent, headers=PART)
        assert answer.status_code == 200, where
        assert "<img src=x" not in answer.text


MANY, MANY_MAIL = "/admin/group-invitations/preview", "/admin/group-invitations/preview/mail"


async def test_beside_a_group_stand_its_people_and_what_they_get(console: httpx2.AsyncClient) -> None:
    await crowd(3)
    entered = {"group": "sales", "platform": "macos", "ownership": "corporate", "mode": "username_pin", "send": "y"}
    part = (await console.post(MANY, data=entered, headers=PART)).text
    for words in ("sales: 3 people", "User name + PIN", "Corporate"):
        assert words in part
    assert "<form" not in part
    assert "Nothing is sent." in (await console.post(MANY, data=entered | {"send": ""}, headers=PART)).text
    unknown = (await console.post(MANY, data=entered | {"group": HOSTILE}, headers=PART)).text
    assert "as it is looked up when the form is sent" in unknown
    assert "<img src=x" not in unknown
    file = {name: value for name, value in entered.items() if name != "group"}
    assert "The people in the file." in (await console.post(MANY, data=file, headers=PART)).text
    assert (
        "Choose an enrollment mode."
        in (await console.post(MANY, data=entered | {"mode": "none-such"}, headers=PART)).text
    )
    mail = await console.post(MANY_MAIL, data=entered | {"message": "pin"})
    assert mail.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "••••••••" in mail.text
    assert not await GroupInvitation.exists()
    assert not await Delivery.exists()


@pytest.mark.parametrize("page", ["group-invitations/add", "group-invitations/csv/upload", "campaigns/add"])
async def test_without_script_the_summary_of_the_usual_mode_stands_beside_the_form(
    console: httpx2.AsyncClient, page: str
) -> None:
    shown = (await console.get(f"/admin/{page}")).text
    beside = shown.partition('<aside class="col-xl-5">')[2].partition("</aside>")[0]
    for words in ("Recipients", "Two Factor", "The person needs", "Works until"):
        assert words in beside
    assert f'formaction="{MANY_MAIL}"' in beside
