"""High Security: the same three as Two Factor, and the mailed link besides."""

import pytest

from otae.rehearsal.safari import Safari
from otae.store.models import EnrollmentSession
from tests.flow.house import PASSWORD, House
from tests.flow.walks import BEN, bare_page, whole_way

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_from_the_mail_to_enrolled(house: House, way: str) -> None:
    await whole_way(house, "high_security", way, password=True, pin=True)


async def test_without_the_link_everything_right_is_not_enough(house: House) -> None:
    await house.person("ben")
    await house.invite("ben", "high_security")
    pin = await house.pin_from_mail(BEN)
    async with house.line() as line:
        page = await Safari(line).sign_in(await bare_page(house, line), name="ben", password=PASSWORD, pin=pin)
        assert page.answer.status == 422, page.text
    assert await EnrollmentSession.all().count() == 0
