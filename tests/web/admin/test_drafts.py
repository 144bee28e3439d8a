"""The form that invites shows beside it what it would do and send."""

import httpx2
import pytest

from otae.store.models import Delivery, Event, Invitation, Person
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
