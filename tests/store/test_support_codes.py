"""Support codes: short, easily read out, and one for every invitation, also for those of an earlier release."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from tortoise.connection import get_connection

from otae.store import database, support_codes
from otae.store.desk import Desk
from otae.store.models import Invitation
from tests.store.furnish import furnish

pytestmark = pytest.mark.anyio


def test_codes_are_of_letters_that_cannot_be_mistaken() -> None:
    for make, length in ((support_codes.new_invitation_code, 8), (support_codes.new_refusal_code, 5)):
        code = make()
        assert len(code) == length
        assert set(code) <= set(support_codes.ALPHABET)
        assert code != make()
    assert set("01OILU") & set(support_codes.ALPHABET) == set()


async def test_invitations_of_an_earlier_release_get_codes_of_their_own(desk: Desk) -> None:
    await furnish(desk)
    one = await Invitation.first()
    assert one
    for number in range(200):
        await Invitation(
            person_id=one.person_id, mode=one.mode, ownership=one.ownership, token_hash=str(number),
            created_by="ada", created_at=one.created_at,
        ).save()  # fmt: skip
    await Invitation.all().update(support_code=None)
    migration = import_module("migrations.0016_support_codes")
    await migration.give_codes(None, SimpleNamespace(client=get_connection("default"), DIALECT=database.dialect()))
    codes = [row.support_code or "" for row in await Invitation.all()]
    assert {len(code) for code in codes} == {8}
    assert len(set(codes)) == len(codes) > 200
    assert set("".join(codes)) == set(support_codes.ALPHABET)
