"""Codes to continue on a Mac: one at a time, used once, for a quarter of an hour, and ended with what they open."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.invitations import go_codes, lifecycle
from otae.invitations.go_codes import GoCode
from otae.invitations.lifecycle import Created
from otae.store import database
from otae.store.desk import Desk
from otae.store.mode_table import MODES
from otae.store.models import Event, Invitation, ModePolicy
from tests.invitations.guests import invite

pytestmark = pytest.mark.anyio


async def code_of(desk: Desk, created: Created) -> GoCode:
    code = await go_codes.make(desk, created.invitation, now=await database.now())
    assert code is not None
    return code


async def opens(desk: Desk, clear: str, *, minutes: int = 0) -> bool:
    return await go_codes.use(desk, clear, now=await database.now() + timedelta(minutes=minutes)) is not None


@pytest.mark.parametrize("mode", MODES)
async def test_only_modes_without_the_link_as_a_factor_have_a_code(desk: Desk, mode: str) -> None:
    await ModePolicy.update_or_create(defaults={"options": {"enabled": True}}, mode=mode)
    created = await invite(desk, mode, send=False)
    code = await go_codes.make(desk, created.invitation, now=await database.now())
    assert (code is None) is MODES[mode].token
    assert (await Invitation.get()).go_code_hash is None or code


async def test_a_code_is_eight_letters_stored_as_a_hash(desk: Desk) -> None:
    code = await code_of(desk, await invite(desk, send=False))
    assert len(code.clear) == go_codes.LENGTH
    assert set(code.clear) <= set(go_codes.LETTERS)
    assert code.clear not in repr(code)
    row = await Invitation.get()
    assert code.clear not in str(await Invitation.all().values())
    assert row.go_code_until == code.until


async def test_a_code_works_once_however_it_is_written(desk: Desk) -> None:
    created = await invite(desk, send=False)
    code = await code_of(desk, created)
    assert await go_codes.works(desk, created.invitation, code.clear, now=await database.now())
    found = await go_codes.use(desk, f" {code.clear[:4].lower()}-{code.clear[4:]} ", now=await database.now())
    assert found
    assert (found.id, found.person.name) == (created.invitation.id, "ben")
    assert not await opens(desk, code.clear)
    assert not await go_codes.works(desk, created.invitation, code.clear, now=await database.now())
    assert [event.kind for event in await Event.filter(kind__startswith="go-code").order_by("id")] == [
        "go-code.made",
        "go-code.used",
    ]


async def test_a_code_entered_twenty_times_at_once_opens_once(desk: Desk) -> None:
    code = await code_of(desk, await invite(desk, send=False))
    assert sum(await asyncio.gather(*(opens(desk, code.clear) for _ in range(20)))) == 1
    assert await Event.filter(kind="go-code.used").count() == 1


async def test_of_twenty_codes_made_at_once_one_works(desk: Desk) -> None:
    created = await invite(desk, send=False)
    codes = await asyncio.gather(*(code_of(desk, created) for _ in range(20)))
    assert [await opens(desk, code.clear) for code in codes].count(True) == 1
    assert await Event.filter(kind="go-code.made").count() == 1, (
        "a button pressed without end is recorded once a minute"
    )


@pytest.mark.parametrize("end", ["later", "another", "resend", "revoke", "expire", "fail", "redeem", "over"])
async def test_a_code_ends(desk: Desk, end: str) -> None:
    created, now = await invite(desk, send=False), await database.now()
    code = await code_of(desk, created)
    invitation = created.invitation
    if end == "another":
        await code_of(desk, created)
    elif end == "resend":
        await lifecycle.resend(desk, invitation, now=now, actor="ada")
    elif end == "revoke":
        await lifecycle.revoke(desk, invitation, now=now, actor="ada")
    elif end == "fail":
        await lifecycle.fail(invitation, now=now, why="the tries are used up")
    elif end == "redeem":
        await lifecycle.redeem(invitation, now=now)
    elif end in {"expire", "over"}:
        await Invitation.filter(id=invitation.id).update(valid_until=now)
        if end == "expire":
            await lifecycle.expire_due(now)
    assert not await opens(desk, code.clear, minutes=15 if end == "later" else 0)


async def test_an_invitation_that_was_sent_again_meanwhile_gives_no_code(desk: Desk) -> None:
    created, now = await invite(desk, send=False), await database.now()
    seen = await Invitation.get()
    await lifecycle.resend(desk, created.invitation, now=now, actor="ada")
    assert await go_codes.make(desk, seen, now=now) is None


async def test_a_code_ends_with_its_invitation(desk: Desk) -> None:
    created, now = await invite(desk, send=False), await database.now()
    await lifecycle.extend(desk, created.invitation, now=now, actor="ada", until=now + timedelta(minutes=5))
    assert (await code_of(desk, created)).until == now + timedelta(minutes=5)


@given(
    st.text(max_size=60) | st.text(alphabet=f"{go_codes.LETTERS}{go_codes.LETTERS.lower()} -ﬀßıＢ\u200d0", max_size=40)
)
def test_any_text_is_a_code_of_a_known_length_or_none(entered: str) -> None:
    code = go_codes.normalized(entered)
    assert not code or (len(code) in go_codes.LENGTHS and set(code) <= set(go_codes.LETTERS))
    assert go_codes.normalized(code) == code


@given(st.sampled_from(go_codes.LENGTHS), st.data())
def test_a_code_is_read_however_it_is_written(length: int, data: st.DataObject) -> None:
    letters = data.draw(st.lists(st.sampled_from(go_codes.LETTERS), min_size=length, max_size=length))
    wide = {letter: chr(ord(letter) + 0xFEE0) for letter in letters}
    written = [data.draw(st.sampled_from([each, each.lower(), wide[each], f" {each}", f"{each}-"])) for each in letters]
    assert go_codes.normalized("".join(written)) == "".join(letters)
