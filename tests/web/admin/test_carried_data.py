"""The end of its own that an invitation has, and what it carries along: in the form, on pages, in mails and exports."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from otae.delivery.texts import compose
from otae.invitations import exports
from otae.store import carried_data, property_changes
from otae.store.models import Enrollment, Invitation, NotificationTemplate, Person
from tests.enrollment.lab import LabMac
from tests.web.admin.test_devices import mac
from tests.web.admin.test_invitations import HOSTILE, form
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio
__all__ = ["mac"]

GIVEN = {"asset_tag": "IT-0042", "cost_centre": "4711", "tags": "lent;spare", "free_fields": "room: 12\r\nkey: A=1"}


async def test_what_is_entered_stands_on_the_pages_and_in_the_export(
    console: httpx2.AsyncClient, ben: Person, now: datetime
) -> None:
    until = (now + timedelta(days=3)).astimezone(UTC)
    sent = await form(console, **GIVEN, valid_until=f"{until:%Y-%m-%dT%H:%M}")
    where = (await console.post("/admin/invitations/add", data=sent)).headers["location"]
    row = await Invitation.get()
    assert row.valid_until == until.replace(second=0, microsecond=0)
    page = (await console.get(where)).text
    for words in ("IT-0042", "4711", "lent, spare", "12", "A=1", "room", "Cost centre"):
        assert f">{words}<" in page, words
    text = "".join([part async for part in exports.invitations()])
    assert "IT-0042" in text
    assert "lent, spare" in text


async def test_a_mac_shows_what_its_invitation_carried_along(console: httpx2.AsyncClient, mac: LabMac) -> None:
    session = (await Enrollment.get().prefetch_related("session")).session
    await Invitation.filter(id=session.invitation_id).update(asset_tag=HOSTILE, free_fields="room: 12")
    page = (await console.get(f"/admin/devices/{mac.udid}")).text
    assert "&lt;img src=x" in page
    assert HOSTILE not in page
    assert ">12<" in page


async def test_messages_say_what_is_carried_along(console: httpx2.AsyncClient, site: Site, ben: Person) -> None:
    template = await NotificationTemplate.create(
        name="assets",
        kind="url",
        subject="For ${invitation.asset_tag}",
        text="${enrollment.url} ${invitation.field.ROOM} ${invitation.tags} ${invitation.field.none 'nothing'}",
        html="<p>${invitation.cost_centre}</p>${enrollment.url}",
    )
    await console.post("/admin/invitations/add", data=await form(console, **GIVEN, url_template=str(template.id)))
    row = await Invitation.get().prefetch_related("person")
    shown = await compose.preview(site.desk, row, "url")
    assert shown.subject == "For IT-0042"
    assert shown.text.endswith(" 12 lent, spare nothing")


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"valid_until": "tomorrow"}, "Not a valid datetime value"),
        ({"valid_until": "2020-01-01T00:00"}, "this time is past"),
        ({"valid_until": "9998-12-31T23:59"}, "within 30 days"),
        ({"valid_until": "9999-12-31T23:59"}, "Use a date and a time"),
        ({"valid_until": "0002-01-01T00:00"}, "this time is past"),
        ({"valid_until": "0001-01-01T00:00"}, "Use a date and a time"),
        ({"free_fields": "two words: 1"}, "such as room: 12"),
        ({"free_fields": "room"}, "such as room: 12"),
        ({"tags": "x" * 301}, "longer than 300"),
        ({"asset_tag": "a\u202eb"}, "none that hides or turns text"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nobody_is_invited(
    console: httpx2.AsyncClient, ben: Person, now: datetime, sent: dict[str, str], words: str
) -> None:
    await property_changes.change("invitation.longest.days", "30", now=now, actor="ada")
    answer = await console.post("/admin/invitations/add", data=await form(console, **sent))
    assert answer.status_code == 422
    assert words in answer.text
    assert not await Invitation.exists()


def test_the_titles_name_every_column() -> None:
    assert set(carried_data.TITLES) <= set(Invitation._meta.fields_map)  # noqa: SLF001 - the ORM's own description of a table
    assert set(carried_data.TITLES) <= set(exports.INVITATION)
