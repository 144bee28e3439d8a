"""Settings → Enrollment modes, the form's "PIN by", and the card that is shown once."""

import asyncio
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx2
import pytest

from otae.invitations import channels
from otae.invitations.modes import mode_of
from otae.paths import LOGO
from otae.store import properties
from otae.store.models import Administrator, AuditEntry, Delivery, Invitation, Logo, Person, Pin
from tests.web.admin.test_invitations import form
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

MODES = "/admin/enrollment-modes"
BEN = "+4915112345678"
#: What a card says of the PIN.
SHOWN = re.compile(r'id="pin">(\d{8})<')


def pin_of(page: str) -> str:
    [pin] = SHOWN.findall(page)
    return str(pin)


async def test_every_mode_is_shown_with_what_it_asks_for(console: httpx2.AsyncClient) -> None:
    page = (await console.get(MODES)).text
    for words in ("Two Factor", "High Security", "Invitation URL + PIN", "user name, password, PIN", "default", "off"):
        assert words in page
    assert 'name="two_factor"' in page
    assert 'name="username_password"' not in page
    assert 'name="invitation_url_pin"' in page


async def test_a_policy_is_kept_audited_and_taken_back(console: httpx2.AsyncClient) -> None:
    sent = {"two_factor": "sms", "username_pin": "", "high_security": "card"}
    assert (await console.post(MODES, data=sent)).status_code == 303
    assert await channels.policies() == {"two_factor": "sms", "high_security": "card"}
    assert await AuditEntry.filter(action="mode.pin-channel").count() == 2
    assert (await console.post(MODES, data=sent | {"two_factor": ""})).status_code == 303
    assert await channels.policies() == {"high_security": "card"}
    assert await AuditEntry.filter(action="mode.pin-channel").count() == 3
    assert (await console.post(MODES, data={"two_factor": "mail"})).status_code == 422
    assert await channels.policies() == {"high_security": "card"}


async def test_a_pin_by_text_message_is_asked_for_in_the_form(console: httpx2.AsyncClient, ben: Person) -> None:
    sent = await form(console, pin_channel="sms")
    answer = await console.post("/admin/invitations/add", data=sent)
    assert answer.status_code == 422
    assert 'id="pin_channel-errors"' in answer.text
    await Person.filter(id=ben.id).update(phone=BEN)
    assert (await console.post("/admin/invitations/add", data=sent)).status_code == 303
    assert (await Delivery.get(kind="pin")).channel == "sms"
    page = (await console.get(f"/admin/invitations/{(await Invitation.get()).id}")).text
    assert "as a text message" in page


async def test_a_pin_that_is_shown_stands_on_that_answer_alone(console: httpx2.AsyncClient, ben: Person) -> None:
    answer = await console.post("/admin/invitations/add", data=await form(console, pin_channel="shown"))
    pin = pin_of(answer.text)
    row = await Invitation.get()
    assert pin not in (await console.get(f"/admin/invitations/{row.id}")).text
    assert [each.kind for each in await Delivery.all()] == ["url"]
    assert (await Pin.get()).pin_sealed is None
    again = await console.post(f"/admin/invitations/{row.id}/resend")
    assert pin_of(again.text) != pin


async def test_a_card_leads_to_where_its_code_is_entered(console: httpx2.AsyncClient, site: Site, ben: Person) -> None:
    answer = await console.post("/admin/invitations/add", data=await form(console, pin_channel="card"))
    page = answer.text
    assert pin_of(page)
    assert "<svg" in page
    assert f"{site.origin}/go<" in page
    assert re.search(r">[B-Z]{4} [B-Z]{4} [B-Z]{4}<", page)
    assert not re.search(r"ep-[0-9a-f]{32}", page), "the link goes by mail alone"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_card_holds_the_link_where_nothing_was_mailed_and_the_mode_asks_for_it(
    console: httpx2.AsyncClient, ben: Person
) -> None:
    sent = await form(console, pin_channel="card", send=None, mode="high_security")
    page = (await console.post("/admin/invitations/add", data=sent)).text
    assert re.search(r"/zdm/su\?e=ep-[0-9a-f-]{36}<", page)
    assert await Delivery.all().count() == 0


async def test_a_card_has_the_logo_of_the_organization(console: httpx2.AsyncClient, ben: Person) -> None:
    logo = Logo(theme="light", image=b"\x89PNG", sha256="ab" * 32, width=480, height=120)
    await logo.save(force_create=True)
    page = (await console.post("/admin/invitations/add", data=await form(console, pin_channel="card"))).text
    assert f'src="{LOGO(logo.sha256)}" alt="" width="240" height="60"' in page


async def test_a_card_says_in_the_organizations_time_zone_until_when(console: httpx2.AsyncClient, ben: Person) -> None:
    await properties.write("organization.timezone", "Asia/Tokyo")
    page = (await console.post("/admin/invitations/add", data=await form(console, pin_channel="card"))).text
    until = (await Invitation.get()).valid_until
    assert until is not None
    assert f"Valid until {until.astimezone(ZoneInfo('Asia/Tokyo')):%-d %B %Y, %H:%M} JST<" in page


async def test_a_card_of_a_mode_that_asks_for_the_link_names_the_mail(console: httpx2.AsyncClient, ben: Person) -> None:
    sent = await form(console, pin_channel="card", mode="high_security")
    page = (await console.post("/admin/invitations/add", data=sent)).text
    assert "the link in the mail" in page
    assert "<svg" not in page.partition("otae-handout")[2]


async def test_a_policy_in_the_way_is_told_beside_the_field(
    console: httpx2.AsyncClient, ben: Person, now: datetime
) -> None:
    await channels.set_policy("two_factor", "card", now=now, actor="ada")
    answer = await console.post("/admin/invitations/add", data=await form(console, pin_channel="mail"))
    assert answer.status_code == 422
    assert "only go out on a printed card" in answer.text
    answer = await console.post("/admin/invitations/add", data=await form(console))
    assert pin_of(answer.text)


async def test_an_invitation_that_ended_is_extended_with_a_new_card(console: httpx2.AsyncClient, ben: Person) -> None:
    first = pin_of((await console.post("/admin/invitations/add", data=await form(console, pin_channel="card"))).text)
    row = await Invitation.get()
    await Invitation.filter(id=row.id).update(status="expired", token_sealed=None)
    assert pin_of((await console.post(f"/admin/invitations/{row.id}/extend")).text) != first


async def test_who_may_not_take_pins_out_gets_none_by_hand(
    console: httpx2.AsyncClient, ben: Person, now: datetime
) -> None:
    shown = await form(console, pin_channel="shown")
    assert pin_of((await console.post("/admin/invitations/add", data=shown)).text)
    row = await Invitation.get()
    await Administrator.filter(name="ada").update(role="DEVICE_PROVISIONING")
    page = (await console.get("/admin/invitations/add")).text
    assert 'value="sms"' in page
    assert 'value="shown"' not in page
    assert (
        await console.post("/admin/invitations/add", data=await form(console, pin_channel="card"))
    ).status_code == 403
    await channels.set_policy("two_factor", "card", now=now, actor="ada")
    assert (await console.post("/admin/invitations/add", data=await form(console))).status_code == 403
    again = await console.post(f"/admin/invitations/{row.id}/resend")
    assert (again.status_code, SHOWN.findall(again.text)) == (303, [])
    assert await Invitation.all().count() == 1
    assert (await Invitation.get()).generation == 1
    assert (await console.get(MODES)).status_code == 403


async def test_the_values_of_a_mode_are_edited_on_a_page_of_its_own(console: httpx2.AsyncClient) -> None:
    page = (await console.get(f"{MODES}/username_pin")).text
    assert 'value="24"' in page
    assert 'name="max_tries"' in page
    sent = {"enabled": "y", "valid_for": "7", "unit": "d", "max_tries": "5", "pin_length": "6", "pin_letters": "yes"}
    sent |= {"approval": "manager"}
    sent |= dict.fromkeys(("url_template", "pin_template", "confirmation_template"), "")
    assert (await console.post(f"{MODES}/username_pin", data=sent)).status_code == 303
    page = (await console.get(MODES)).text
    assert all(words in page for words in ("7 d", "letters and digits"))
    wrong = await console.post(
        f"{MODES}/username_pin", data=sent | {"valid_for": "9999", "max_tries": "x", "unit": "never"}
    )
    assert wrong.status_code == 422
    assert 'id="unit-errors"' in wrong.text
    wrong = await console.post(f"{MODES}/username_pin", data=sent | {"valid_for": "9999", "max_tries": "many"})
    assert 'id="max_tries-errors"' in wrong.text
    wrong = await console.post(f"{MODES}/username_pin", data=sent | {"valid_for": "9999", "max_tries": "11"})
    assert 'id="max_tries-errors"' in wrong.text
    assert 'id="valid_for-errors"' in wrong.text
    assert 'value="9999"' in wrong.text
    assert (await console.get(f"{MODES}/classic")).status_code == 404


async def test_values_saved_at_once_are_those_of_one_who_saved(console: httpx2.AsyncClient) -> None:
    sent = {"enabled": "y", "unit": "d", "pin_letters": "yes", "approval": "none"}
    sent |= dict.fromkeys(("url_template", "pin_template", "confirmation_template"), "")
    wanted = [{"valid_for": str(n), "max_tries": str(n), "pin_length": str(n + 5)} for n in (1, 2, 4, 5)] * 5
    answers = await asyncio.gather(*(console.post(f"{MODES}/username_pin", data=sent | each) for each in wanted))
    assert {answer.status_code for answer in answers} <= {303, 409}
    mode = await mode_of("username_pin")
    assert mode.valid_for is not None
    assert (mode.valid_for.days, mode.pin_length) == (mode.max_tries, mode.max_tries + 5)


@pytest.mark.parametrize("value", ["9" * 10_000, "1e3", "-1", "٣", "3; drop table pin", "0x5", "NaN"])
async def test_an_odd_value_of_a_mode_is_refused_and_changes_nothing(console: httpx2.AsyncClient, value: str) -> None:
    before = await mode_of("username_pin")
    sent = {
        "enabled": "y",
        "valid_for": "7",
        "unit": "d",
        "max_tries": value,
        "pin_length": value,
        "pin_letters": "yes",
        "approval": "none",
    }
    sent |= dict.fromkeys(("url_template", "pin_template", "confirmation_template"), "")
    answer = await console.post(f"{MODES}/username_pin", data=sent)
    assert answer.status_code == 422
    assert 'id="max_tries-errors"' in answer.text
    assert await mode_of("username_pin") == before


async def test_a_mode_without_a_pin_asks_for_none_of_its_values(console: httpx2.AsyncClient) -> None:
    page = (await console.get(f"{MODES}/username_password")).text
    assert "no limit" in page
    for name in ("max_tries", "pin_length", "pin_letters", "pin_template"):
        assert f'name="{name}"' not in page
    sent = {"enabled": "y", "valid_for": "", "unit": "never", "url_template": "", "confirmation_template": ""}
    sent |= {"approval": "none"}
    assert (await console.post(f"{MODES}/username_password", data=sent | {"default": "y"})).status_code == 303
    assert "This mode is offered first" in (await console.get(f"{MODES}/username_password")).text
    answer = await console.post(f"{MODES}/username_password", data={**sent, "enabled": ""})
    assert 'id="enabled-errors"' in answer.text
