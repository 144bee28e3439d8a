"""The cookie that carries an invitation token before anybody signed in."""

from datetime import timedelta

import pytest

from otae.enrollment import link_cookie
from otae.store import database
from otae.store.desk import Desk

pytestmark = pytest.mark.anyio
TOKEN = "ep-01234567-89ab-cdef-0123-456789abcdef"


async def test_a_sealed_token_opens_for_an_hour(desk: Desk) -> None:
    now = await database.now()
    sealed = await link_cookie.seal(desk, TOKEN, now=now)
    assert TOKEN not in sealed
    for later, opens in ((timedelta(0), True), (timedelta(minutes=59), True), (timedelta(minutes=61), False)):
        assert (await link_cookie.open_sealed(desk, sealed, now=now + later) == TOKEN) is opens


async def test_a_token_sealed_for_one_place_does_not_open_in_another(desk: Desk) -> None:
    now = await database.now()
    for purpose in link_cookie.Purpose:
        sealed = await link_cookie.seal(desk, TOKEN, now=now, purpose=purpose)
        for other in link_cookie.Purpose:
            assert (await link_cookie.open_sealed(desk, sealed, now=now, purpose=other) == TOKEN) is (other == purpose)


async def test_the_same_token_is_never_sealed_alike(desk: Desk) -> None:
    now = await database.now()
    assert await link_cookie.seal(desk, TOKEN, now=now) != await link_cookie.seal(desk, TOKEN, now=now)


async def test_a_changed_letter_or_a_foreign_value_does_not_open(desk: Desk) -> None:
    now = await database.now()
    sealed = await link_cookie.seal(desk, TOKEN, now=now)
    for at in range(0, len(sealed), 7):
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        assert await link_cookie.open_sealed(desk, changed, now=now) is None
    for foreign in ("", "A", "====", "no base64", "\u00e9", sealed[:20], "A" * 4000):
        assert await link_cookie.open_sealed(desk, foreign, now=now) is None
