"""Two Factor: user name, password and PIN, each of them needed."""

import pytest

from otae.rehearsal.safari import Safari
from otae.store.models import EnrollmentSession, Pin
from tests.flow.house import PASSWORD, House
from tests.flow.walks import BEN, bare_page, whole_way

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_from_the_mail_to_enrolled(house: House, way: str) -> None:
    await whole_way(house, "two_factor", way, password=True, pin=True)


async def test_one_factor_alone_lets_nobody_in(house: House) -> None:
    await house.person("ben")
    created = await house.invite("ben", "two_factor")
    link, pin = await house.link_from_mail(BEN), await house.pin_from_mail(BEN)
    async with house.line() as line:
        safari = Safari(line)
        for password, digits in (("wrong password", pin), (PASSWORD, "00000000"), ("", pin), (PASSWORD, "")):
            page = await safari.sign_in(await safari.open(link), name="ben", password=password, pin=digits)
            assert page.answer.status == 422, page.text
        assert await EnrollmentSession.all().count() == 0
        assert (await Pin.get(invitation_id=created.invitation.id)).link_tries < 3
        page = await safari.sign_in(await safari.open(link), name="ben", password=PASSWORD, pin=pin)
        assert page.path == "/zdm/macos/otae/install", page.text


async def test_signing_in_again_takes_the_place_of_the_first_time(house: House) -> None:
    await house.person("ben")
    await house.invite("ben", "two_factor")
    link, pin = await house.link_from_mail(BEN), await house.pin_from_mail(BEN)
    async with house.line() as first, house.line() as second:
        for line in (first, second):
            safari = Safari(line)
            page = await safari.sign_in(await safari.open(link), name="ben", password=PASSWORD, pin=pin)
            assert page.path == "/zdm/macos/otae/install", page.text
        page = await Safari(first).open(f"{house.url}/zdm/macos/otae/install")
        assert "signed in again somewhere else" in page.text
    states = [row.status for row in await EnrollmentSession.all().order_by("opened_at")]
    assert states == ["expired", "opened"]


async def test_it_works_at_the_login_page_too(house: House) -> None:
    await house.person("ben")
    created = await house.invite("ben", "two_factor")
    pin = await house.pin_from_mail(BEN)
    async with house.line() as line:
        page = await Safari(line).sign_in(await bare_page(house, line), name="ben", password=PASSWORD, pin=pin)
        assert page.path == "/zdm/macos/otae/install", page.text
    assert await EnrollmentSession.filter(invitation_id=created.invitation.id).count() == 1
