"""Cards in the console: printed from the page of an invitation, and as a sheet for a group."""

import re

import httpx2
import pytest

from otae.store.models import Administrator, Invitation, Person
from tests.invitations.crowds import crowd, invited
from tests.web.admin.test_invitations import form
from tests.web.conftest import Invite, Site
from tests.web.page_forms import form_of

pytestmark = pytest.mark.anyio

CODE = re.compile(r">([B-Z]{4} [B-Z]{4} [B-Z]{4})<")
PIN = re.compile(r'otae-pin-shown"[^>]*>(\d+)<')


async def test_a_printed_code_opens_the_invitation_on_a_mac(
    console: httpx2.AsyncClient, site: Site, invite: Invite
) -> None:
    created = await invite("two_factor")
    where = f"/admin/invitations/{created.invitation.id}"
    page = (await console.get(where)).text
    sent = form_of(page, f"{where}/card").sent
    card = await console.post(f"{where}/card", data=sent)
    assert (card.status_code, card.headers["Cache-Control"]) == (200, "no-store")
    [code] = CODE.findall(card.text)
    assert f"{site.origin}/go<" in card.text
    assert not PIN.findall(card.text)
    again = await console.post(f"{where}/card", data=sent)
    assert (again.status_code, again.headers["location"]) == (303, where)
    for _ in range(2):
        async with site.stranger(Sec_Fetch_Site="same-origin", Origin=site.origin) as mac:
            opened = await mac.post("/go", data={"code": code.lower()})
            assert opened.headers["location"].startswith("/zdm/macos/otae/login")
            assert 'value="ben"' in (await mac.get("/zdm/macos/otae/login", follow_redirects=True)).text
    page = (await console.get(where)).text
    assert "The card was printed" in page
    assert "The code of the card was entered" in page


async def test_the_next_sensible_action_is_the_primary_one(
    console: httpx2.AsyncClient, ben: Person, invite: Invite
) -> None:
    created = await invite("two_factor")
    page = (await console.get(f"/admin/invitations/{created.invitation.id}")).text
    assert re.findall(r'<button class="btn btn-primary" type="submit" id="([a-z-]+)"', page) == ["copy-link"]
    await Invitation.filter(id=created.invitation.id).update(status="failed")
    page = (await console.get(f"/admin/invitations/{created.invitation.id}")).text
    assert re.findall(r'<button class="btn btn-primary" type="submit" id="([a-z-]+)"', page) == ["resend"]
    assert "print-card" not in page
    assert (await console.post(f"/admin/invitations/{created.invitation.id}/card")).status_code == 303
    shown = (await console.post("/admin/invitations/add", data=await form(console, pin_channel="card"))).text
    assert len(PIN.findall(shown)) == len(CODE.findall(shown)) == 1


async def test_the_cards_of_a_group_come_on_sheets(
    console: httpx2.AsyncClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otae.invitations.cards.CARDS_AT_ONCE", 2)
    await crowd(3)
    row = await invited(site.desk, pin_channel="card")
    where = f"/admin/group-invitations/{row.id}"
    page = (await console.get(where)).text
    assert "3 cards were not printed yet" in page
    assert "Print 2 cards" in page
    first = (await console.post(f"{where}/cards", data=form_of(page, f"{where}/cards").sent)).text
    assert len(set(CODE.findall(first))) == len(set(PIN.findall(first))) == 2
    again = await console.post(f"{where}/cards", data=form_of(page, f"{where}/cards").sent)
    assert again.status_code == 303, "a reload prints nothing"
    second = (await console.post(f"{where}/cards")).text
    assert len(PIN.findall(second)) == 1
    assert (await console.post(f"{where}/cards")).headers["location"] == where
    assert "cards were not printed" not in (await console.get(where)).text


async def test_who_may_not_take_secrets_out_prints_no_card(
    console: httpx2.AsyncClient, site: Site, invite: Invite
) -> None:
    created = await invite("two_factor")
    row = await invited(site.desk, group=(await crowd(1), "sales")[1], pin_channel="card")
    await Administrator.filter(name="ada").update(role="DEVICE_PROVISIONING")
    for where in (f"/admin/invitations/{created.invitation.id}/card", f"/admin/group-invitations/{row.id}/cards"):
        assert (await console.post(where)).status_code == 403
        assert where not in (await console.get(where.rpartition("/")[0])).text
    assert not await Invitation.filter(card_code_hash__not_isnull=True).exists()
