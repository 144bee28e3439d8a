"""The link "Not you?": opening it changes nothing, the button ends the invitation, once."""

import asyncio
from uuid import uuid4

import pytest

from otae.directory.reach import EVERYBODY
from otae.enrollment import sessions
from otae.errors import InvitationRevoked
from otae.invitations import identity_confirmations, lifecycle
from otae.store import database
from otae.store.models import Event, Invitation
from tests.web.conftest import Invite, Site, shown_code

pytestmark = pytest.mark.anyio

LINK = "/zdm/macos/otae/not-me"


async def token_of(site: Site, made: lifecycle.Created) -> str:
    """Confirm the person's identity, and give the token of the mailed link."""
    now, wanted = await database.now(), made.invitation.id
    await identity_confirmations.confirm(site.desk, wanted, reach=EVERYBODY, by="ada", by_id=uuid4(), now=now)
    row = await Invitation.get(id=wanted)
    return site.desk.vault.open(row.objection_sealed or b"", row.id, identity_confirmations.SEAL).decode()


async def test_opened_ten_times_it_changes_nothing_and_the_button_ends_it(site: Site, invite: Invite) -> None:
    made = await invite("two_factor")
    session = await sessions.open_session(
        person=made.invitation.person, invitation=made.invitation, mode="two_factor", ownership="corporate",
        now=await database.now(),
    )  # fmt: skip
    address = f"{LINK}?t={await token_of(site, made)}"
    before = await Event.all().count()
    for _ in range(5):
        await site.client.head(address)
        await site.client.get(address)
    page = (await site.client.get(address)).text
    assert await Event.all().count() == before
    assert "by <bdi>ada</bdi>" in page
    assert "It was not me: end it" in page
    assert shown_code(page) == made.invitation.support_code
    answer = await site.client.post(address, follow_redirects=True)
    assert answer.status_code == 200
    assert "It is ended." in answer.text
    assert (await Invitation.get()).status == "revoked"
    with pytest.raises(InvitationRevoked):
        await sessions.check_live(session, now=await database.now())
    for answer in (await site.client.get(address), await site.client.post(address)):
        assert answer.status_code == 403
        assert "This link no longer works." in answer.text
        assert "If you pressed its button already, the invitation is ended." in answer.text


async def test_pressed_ten_times_at_once_it_ends_once_and_nobody_sees_a_mistake(site: Site, invite: Invite) -> None:
    made = await invite("two_factor")
    address = f"{LINK}?t={await token_of(site, made)}"
    answers = await asyncio.gather(*(site.client.post(address) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [303] + [403] * 9
    assert await Event.filter(kind="identity.objected").count() == 1
    assert (await Invitation.get()).status == "revoked"


async def test_after_the_mac_enrolled_it_says_whom_to_ask(site: Site, invite: Invite) -> None:
    made = await invite("two_factor")
    address = f"{LINK}?t={await token_of(site, made)}"
    await lifecycle.redeem(made.invitation, now=await database.now())
    answer = await site.client.post(address, follow_redirects=True)
    assert "A Mac was enrolled for you already." in answer.text
    assert (await Invitation.get()).status == "redeemed"


@pytest.mark.parametrize("token", ["", "x", "A" * 22, "%00", "é" * 30])
async def test_any_other_link_is_unknown(site: Site, token: str) -> None:
    for answer in (await site.client.get(LINK, params={"t": token}), await site.client.post(f"{LINK}?t={token}")):
        assert answer.status_code == 403
        assert "otae-code" not in answer.text
