"""Somebody of an LDAP directory, from the mail to an enrolled Mac, in each of the four modes."""

from collections.abc import AsyncIterator

import pytest

from otae.directory.ldap.pool import LdapPool
from otae.rehearsal.safari import Safari
from otae.store.models import Device, EnrollmentSession, Person
from tests.directory.ldap_desk import add, entry_for
from tests.flow.house import House, browse
from tests.flow.walks import BEN, bare_page, see_enrolled_page
from tests.servers.ldap_trees import PASSWORD
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def corp(house: House, crowded_ldap: LdapServer) -> AsyncIterator[House]:
    """Give the installation a directory of 12 000 people, over StartTLS."""
    await add(house.desk, entry_for(crowded_ldap))
    yield house
    house.desk.resources.get(LdapPool).close_idle()


@pytest.mark.parametrize(
    ("mode", "password", "pin"),
    [
        ("username_password", True, False),
        ("two_factor", True, True),
        ("username_pin", False, True),
        ("high_security", True, True),
    ],
)
async def test_from_the_mail_to_enrolled(corp: House, mode: str, *, password: bool, pin: bool) -> None:
    created = await corp.invite("CORP\\ben", mode)
    link = await corp.link_from_mail(BEN)
    assert link == created.url
    digits = await corp.pin_from_mail(BEN) if pin else None
    async with corp.line() as line:
        download = await browse(corp, line, link, name="ben", password=PASSWORD if password else None, pin=digits)
        mac = await corp.mac(line)
        await mac.install(download)
        await mac.check_in()
        await see_enrolled_page(corp, line)
    await created.invitation.refresh_from_db()
    assert created.invitation.status == "redeemed"
    device = await Device.get(udid=mac.facts.udid)
    session = await EnrollmentSession.get(invitation_id=created.invitation.id)
    person = await Person.get(id=session.person_id)
    assert (device.serial, person.domain, person.name) == (mac.facts.serial, "corp", "ben")
    await corp.mail(BEN, "now enrolled")


async def test_who_was_never_invited_starts_at_the_login_page(corp: House) -> None:
    async with corp.line() as line:
        safari = Safari(line)
        page = await safari.sign_in(await bare_page(corp, line), name="CORP\\cleo", password="wrong", pin=None)
        assert page.answer.status == 422
        page = await safari.sign_in(await bare_page(corp, line), name="cleo@corp.test", password=PASSWORD, pin=None)
        assert page.path == "/zdm/macos/otae/install", page.text


async def test_the_page_says_when_the_directory_is_away(house: House, ldap_server: LdapServer) -> None:
    await add(house.desk, entry_for(ldap_server, timeout=1))
    ldap_server.kill()
    async with house.line() as line:
        page = await Safari(line).sign_in(await bare_page(house, line), name="ben", password=PASSWORD, pin=None)
    assert page.answer.status == 503
    assert "The directory is not available right now" in page.text
