"""User name + Password: the mailed link, and anybody's own start at the login page."""

import pytest

from otae.rehearsal.hardware import MessageFormat
from otae.rehearsal.safari import Safari
from otae.store import properties
from otae.store.models import EnrollmentSession, Invitation
from tests.flow.house import PASSWORD, House
from tests.flow.walks import BEN, bare_page, whole_way

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_from_the_mail_to_enrolled(house: House, way: str) -> None:
    await whole_way(house, "username_password", way, password=True, pin=False)


async def test_the_final_profile_may_be_encrypted(house: House) -> None:
    await properties.write("enrollment.encrypt", "true")
    await whole_way(house, "username_password", "ota", password=True, pin=False, shape=MessageFormat(digest="sha256"))


async def test_anybody_in_the_directory_may_start_alone(house: House) -> None:
    ben = await house.person("ben")
    async with house.line() as line:
        safari = Safari(line)
        page = await safari.sign_in(await bare_page(house, line), name="ben", password=PASSWORD)
        assert page.path == "/zdm/macos/otae/install"
        mac = await house.mac(line)
        await mac.install(await safari.download(page, "/profile", name="profile"))
        await mac.check_in()
    session = await EnrollmentSession.get(person_id=ben.id)
    assert (session.status, session.ownership, session.invitation_id) == ("enrolled", "employee", None)
    assert await Invitation.all().count() == 0


async def test_by_invitation_only_the_link_still_works(house: House) -> None:
    await properties.write("macos.otae.enable", "false")
    async with house.line() as line:
        page = await Safari(line).open(f"{house.url}/zdm/macos/otae/login")
        assert page.answer.status == 403
        assert "by invitation" in page.text
    await whole_way(house, "username_password", "ota", password=True, pin=False)


async def test_a_wrong_password_says_no_more_than_an_unknown_name(house: House) -> None:
    await house.person("ben")
    async with house.line() as line:
        safari = Safari(line)
        known = await safari.sign_in(await bare_page(house, line), name="ben", password="wrong password")
        unknown = await safari.sign_in(await bare_page(house, line), name="nobody", password="wrong password")
    assert known.answer.status == unknown.answer.status == 422
    assert "did not match" in known.text
    words = [set(page.text.split()) for page in (known, unknown)]
    assert len(words[0] ^ words[1]) <= 2, "only the support codes differ"
    assert await EnrollmentSession.all().count() == 0


async def test_an_unknown_and_a_revoked_link_are_said_so(house: House) -> None:
    await house.person("ben")
    created = await house.invite("ben", "username_password")
    await house.link_from_mail(BEN)
    async with house.line() as line:
        page = await Safari(line).open(created.url[:-3] + "xyz")
        assert page.answer.status == 404
    await Invitation.filter(id=created.invitation.id).update(status="revoked")
    async with house.line() as line:
        page = await Safari(line).open(created.url)
        assert page.answer.status == 410
        assert "withdrawn" in page.text


async def test_looking_at_a_link_changes_nothing(house: House) -> None:
    await house.person("ben")
    created = await house.invite("ben", "username_password")
    link = await house.link_from_mail(BEN)
    before = await house.kinds(created.invitation.id)
    async with house.line() as line:
        for _ in range(3):
            await Safari(line).open(link)
            assert (await line.request("HEAD", link, name="scanner")).status in (200, 302)
    assert [kind for kind in await house.kinds(created.invitation.id) if not kind.startswith("delivery")] == [
        kind for kind in before if not kind.startswith("delivery")
    ]
    assert await EnrollmentSession.all().count() == 0
