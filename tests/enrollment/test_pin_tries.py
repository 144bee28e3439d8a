"""A try on a PIN is counted before it is checked, and given back only to the PIN that it was counted on."""

import pytest

from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import SigninFailed
from otae.invitations import pins
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Pin
from tests.invitations.guests import PASSWORD, invite

pytestmark = pytest.mark.anyio


async def test_a_pin_that_was_replaced_while_it_was_checked_lets_nobody_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    created, verify = await invite(desk, "two_factor"), pins.verify

    async def late(desk: Desk, pin: Pin | None, clear: str) -> bool:
        fits = await verify(desk, pin, clear)
        await Pin.filter(invitation_id=created.invitation.id).update(active=False)
        return fits

    monkeypatch.setattr(pins, "verify", late)
    entry = SignInEntry("ben", PASSWORD, created.pin or "", network="203.0.113.9", invitation=created.invitation)
    with pytest.raises(SigninFailed):
        await sign_in(desk, entry, now=await database.now())
    assert not await EnrollmentSession.exists()
