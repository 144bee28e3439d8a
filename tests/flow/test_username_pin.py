"""User name + PIN: through the link, at the login page, and with wrong PINs."""

import pytest

from otae.rehearsal.safari import Safari
from otae.store.models import EnrollmentSession
from tests.flow.house import House
from tests.flow.walks import BEN, bare_page, whole_way

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_from_the_mail_to_enrolled(house: House, way: str) -> None:
    await whole_way(house, "username_pin", way, password=False, pin=True)


async def test_the_pin_works_at_the_login_page(house: House) -> None:
    await house.person("ben")
    created = await house.invite("ben", "username_pin")
    pin = await house.pin_from_mail(BEN)
    async with house.line() as line:
        safari = Safari(line)
        page = await safari.sign_in(await bare_page(house, line), name="ben", password="", pin=f"{pin[:4]} {pin[4:]}")
        assert page.path == "/zdm/macos/otae/install", page.text
    session = await EnrollmentSession.get(invitation_id=created.invitation.id)
    assert session.mode == "username_pin"


async def test_three_wrong_pins_end_the_invitation(house: House) -> None:
    await house.person("ben")
    created = await house.invite("ben", "username_pin")
    link, pin = await house.link_from_mail(BEN), await house.pin_from_mail(BEN)
    wrong = f"{(int(pin) + 1) % 10**8:08}"
    async with house.line() as line:
        safari = Safari(line)
        for _ in range(3):
            page = await safari.sign_in(await safari.open(link), name="ben", pin=wrong)
            assert page.answer.status in (422, 410), page.text
        assert (await safari.open(link)).answer.status == 410
    await created.invitation.refresh_from_db()
    assert created.invitation.status == "failed"
    assert await EnrollmentSession.all().count() == 0
    kinds = await house.kinds(created.invitation.id)
    assert kinds.count("signin.failed") == 3
    assert kinds.count("invitation.failed") == 1
