"""Every page of the portal says whom to ask, and a page of an invitation its support code."""

import pytest

from otae.invitations import lifecycle
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Event, Invitation
from otae.web.whom_to_ask import ContactPart, contact_parts
from tests.web.conftest import PASSWORD, Invite, Site, shown_code

pytestmark = pytest.mark.anyio

LOGIN = "/zdm/macos/otae/login"
INSTALL = "/zdm/macos/otae/install"


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("helpdesk@example.org", [("helpdesk@example.org", "mailto:helpdesk@example.org")]),
        ("+49 30 901820", [("+49 30 901820", "tel:+4930901820")]),
        ("030 901820", [("030 901820", "tel:+4930901820")]),
        (
            "Ada, help@example.org or +49 30 901820.",
            [
                ("Ada, ", ""),
                ("help@example.org", "mailto:help@example.org"),
                (" or ", ""),
                ("+49 30 901820", "tel:+4930901820"),
                (".", ""),
            ],
        ),
        ("room 12, ext. 4711", [("room 12, ext. 4711", "")]),
        ("a@b@c, 12345678901234567890", [("a@b@c, 12345678901234567890", "")]),
        ("your IT department", [("your IT department", "")]),
    ],
)
def test_what_can_be_clicked_in_a_contact(contact: str, shown: list[tuple[str, str]]) -> None:
    assert contact_parts(contact, "DE") == [ContactPart(*each) for each in shown]


async def asked(site: Site, path: str, status: int) -> str:
    answer = await site.client.get(path, follow_redirects=True)
    assert answer.status_code == status
    return answer.text


async def test_every_page_names_the_organization_and_whom_to_ask(site: Site, invite: Invite) -> None:
    await properties.write("organization.name", "Example Works")
    await properties.write("support.contact", "<b>desk</b> help@example.org")
    for path, status in (
        (LOGIN, 200),
        (f"{LOGIN}?e=ep-00000000-0000-0000-0000-000000000000", 404),
        ("/no/such/page", 404),
        ("/zdm/macos/otae/opened", 405),
        ("/zdm/macos/otae/password?s=unknown", 403),
        ("/zdm/macos/otae/new-link", 200),
        (f"{LOGIN}?cookies=1", 400),
    ):
        page = await asked(site, path, status)
        assert "Example Works" in page, path
        assert '<a href="mailto:help@example.org">' in page, path
        assert "<b>desk" not in page
        assert "otae-code" not in page, "no invitation, no code"
    await properties.write("macos.otae.enable", "false")
    assert "mailto:help@example.org" in await asked(site, LOGIN, 403)
    made = await invite("username_password")
    assert "mailto:help@example.org" in await asked(site, made.url, 200)


@pytest.mark.usefixtures("ben")
async def test_the_contact_of_nobody_is_translated(site: Site) -> None:
    page = (await site.client.get(LOGIN, headers={"Accept-Language": "de"})).text
    assert "Ihre IT-Abteilung" in page
    assert "your IT department" not in page


@pytest.mark.parametrize("end", ["", "revoked", "redeemed", "expired", "failed", "replaced"])
async def test_every_page_of_an_invitation_shows_its_code_and_writes_nothing(
    site: Site, desk: Desk, invite: Invite, end: str
) -> None:
    made, now = await invite("username_password"), await database.now()
    if end == "revoked":
        await lifecycle.revoke(desk, made.invitation, now=now, actor="ada")
    elif end == "replaced":
        earlier = {"token_hash": "x", "replaced_token_hash": made.invitation.token_hash}
        await Invitation.filter(id=made.invitation.id).update(**earlier)
    elif end:
        await Invitation.filter(id=made.invitation.id).update(status=end)
    before = await Event.all().count()
    page = await asked(site, made.url, 410 if end else 200)
    assert shown_code(page) == made.invitation.support_code
    assert await Event.all().count() == before


async def test_the_code_stays_after_signing_in_and_after_asking_for_a_new_link(site: Site, invite: Invite) -> None:
    made = await invite("username_password")
    await site.client.get(made.url, follow_redirects=True)
    await site.client.post("/zdm/macos/otae/new-link")
    assert shown_code(await asked(site, "/zdm/macos/otae/new-link", 200)) == made.invitation.support_code
    await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})
    assert shown_code(await asked(site, INSTALL, 200)) == made.invitation.support_code
