"""Invitation tokens: every bit is random, the row shows none of them, and only the row's own seal opens them."""

import re

import pytest

from otae.errors import InvitationUnknown
from otae.invitations import tokens
from otae.store import database
from otae.store.desk import Desk
from otae.store.passwords import hash_token
from otae.store.vault import SealBroken
from tests.enrollment import lab

pytestmark = pytest.mark.anyio


async def test_a_token_is_kept_as_a_hash_and_a_seal_and_comes_back_for_its_own_row(sqlite_desk: Desk) -> None:
    now = await database.now()
    row, other = await lab.invitation(now), await lab.invitation(now, "cleo")
    token, columns = tokens.mint(sqlite_desk, row)
    assert tokens.has_shape(token)
    assert columns["token_hash"] == hash_token(token)
    row.update_from_dict(columns)
    assert token.encode() not in bytes(row.token_sealed or b"")
    assert tokens.reveal(sqlite_desk, row) == token
    other.token_sealed = row.token_sealed
    with pytest.raises(SealBroken):
        tokens.reveal(sqlite_desk, other)
    row.token_sealed = None
    with pytest.raises(InvitationUnknown):
        tokens.reveal(sqlite_desk, row)


async def test_all_128_bits_are_random(sqlite_desk: Desk) -> None:
    row = await lab.invitation(await database.now())
    seen = [int(re.sub("[^0-9a-f]", "", tokens.mint(sqlite_desk, row)[0].removeprefix("ep-")), 16) for _ in range(64)]
    assert len(set(seen)) == 64
    for bit in range(128):
        assert {number >> bit & 1 for number in seen} == {0, 1}, "64 times the same: one in 2 ** 63"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ep-",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "ep-0f8fad5b-d9cb-469f-a165-70867728950",
        "ep-0f8fad5b-d9cb-469f-a165-70867728950e0",
        "ep-0F8FAD5B-D9CB-469F-A165-70867728950E",
        "ep-0f8fad5bd9cb469fa16570867728950e",
        "ep-0f8fad5b-d9cb-469f-a165-70867728950e\n",
        " ep-0f8fad5b-d9cb-469f-a165-70867728950e",
        "ep-gf8fad5b-d9cb-469f-a165-70867728950e",
    ],
)
def test_what_cannot_be_a_token_is_known_by_its_form(text: str) -> None:
    assert not tokens.has_shape(text)
