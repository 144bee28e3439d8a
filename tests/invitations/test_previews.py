"""What an invitation would say and do, while its form is filled in."""

import pytest

from otae.invitations import previews
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Invitation
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def test_a_preview_stores_nothing_and_shows_samples_for_somebody_unknown(desk: Desk) -> None:
    await add_person(desk, "ben", display_name="Ben Okafor")
    now = await database.now()
    for user, name in (("ben", "Ben Okafor"), ("nobody", "Ada Example")):
        terms = InvitationTerms(mode="username_pin", note="Welcome")
        shown = await previews.preview(desk, terms, user, now=now, actor="ada")
        assert shown is not None
        assert (shown.known, len(shown.messages)) == (user == "ben", 2)
        assert name in shown.messages[0].page
        assert "Welcome" in shown.messages[0].text
        assert "••••••••" in shown.messages[1].text
    unknown = InvitationTerms(mode="none-such")
    assert await previews.preview(desk, unknown, "ben", now=now, actor="ada") is None
    assert not await Invitation.exists()
