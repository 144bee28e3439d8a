"""The roster of administrators: nobody gives more than they have, nobody locks themselves out, one ADMIN stays."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from otae.accounts import administrator_list, administrators, browsers
from otae.accounts.roles import Grantor, powers_of
from otae.errors import BeyondRole, InputRefused, LastAdministrator, OwnRole, SetupLinkUnknown, SigninFailed, StaleState
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Administrator, AuditEntry, BrowserSession, Role

pytestmark = pytest.mark.anyio

PASSWORD = "four quiet words here"
COMMAND = Grantor("command line")


@pytest.fixture
async def now(desk: Desk) -> datetime:
    return await database.now()


async def add(name: str, role: str = "ADMIN", *, domain: str = "local") -> Administrator:
    """Add somebody whose password nobody asks for here: hashing takes its time."""
    row = Administrator(name=name, role=role, domain=domain, password_hash="", created_at=await database.now())
    await row.save(force_create=True)
    return row


async def by(row: Administrator) -> Grantor:
    return Grantor(row.name, await powers_of(row.role, now=await database.now()), row.id)


async def test_an_administrator_is_invited_with_a_role_by_a_link_that_works_once(desk: Desk, now: datetime) -> None:
    url = await administrator_list.invite(desk, " Cleo ", "SUPPORT", by=COMMAND, now=now)
    token = url.partition("?s=")[2]
    (waiting,) = await administrator_list.list_pending(now=now)
    assert (waiting.name, waiting.role) == ("cleo", "SUPPORT")
    made = await administrators.use_setup_link(desk, token, "somebody else", PASSWORD, now=now)
    assert (made.name, made.role) == ("cleo", "SUPPORT")
    assert await administrator_list.list_pending(now=now) == []
    with pytest.raises(SetupLinkUnknown):
        await administrators.use_setup_link(desk, token, "", PASSWORD, now=now)
    entry = await AuditEntry.get(action="administrator.invited")
    assert (entry.actor, entry.subject, entry.detail) == ("command line", "cleo", "SUPPORT")
    assert token not in str(await AuditEntry.all().values())


async def test_a_newer_link_and_withdrawing_end_an_older_one(desk: Desk, now: datetime) -> None:
    await add("ada")
    links = [
        (await administrator_list.invite(desk, "cleo", "SUPPORT", by=COMMAND, now=now)).partition("?s=")[2]
        for _ in "12"
    ]
    with pytest.raises(SetupLinkUnknown):
        await administrators.find_setup_link(links[0], now=now)
    (waiting,) = await administrator_list.list_pending(now=now)
    assert await administrator_list.withdraw_setup_link(waiting.id, by=COMMAND, now=now) == "cleo"
    with pytest.raises(SetupLinkUnknown):
        await administrators.find_setup_link(links[1], now=now)
    with pytest.raises(StaleState):
        await administrator_list.withdraw_setup_link(waiting.id, by=COMMAND, now=now)


async def test_only_a_role_with_a_console_can_be_given(desk: Desk, now: datetime) -> None:
    ada = await add("ada")
    for role in ("USER", "NOBODY", "", "support", "\0"):
        for change in (
            administrator_list.invite(desk, "cleo", role, by=COMMAND, now=now),
            administrator_list.give_role(ada.id, role, by=COMMAND, now=now),
            administrators.create_administrator(desk, name="eve", password=PASSWORD, role=role, now=now, actor="ada"),
        ):
            with pytest.raises(InputRefused) as caught:
                await change
            assert list(caught.value.fields) == ["role"]


async def test_another_role_signs_every_browser_out_and_counts_at_once(desk: Desk, now: datetime) -> None:
    await add("ada")
    cleo = await add("cleo", "SUPPORT")
    secret = await browsers.open_browser(browsers.CONSOLE, cleo, now=now)
    changed = await administrator_list.give_role(cleo.id, "DEVICE_PROVISIONING", by=COMMAND, now=now)
    assert changed.role == "DEVICE_PROVISIONING"
    assert await browsers.find_browser(secret, browsers.CONSOLE, now=now) is None
    entry = await AuditEntry.get(action="administrator.role-changed")
    assert entry.detail == "SUPPORT → DEVICE_PROVISIONING"


async def test_a_disabled_administrator_is_signed_out_and_stays_out(desk: Desk, now: datetime) -> None:
    await add("ada")
    cleo = await administrators.create_administrator(desk, name="cleo", password=PASSWORD, now=now, actor="ada")
    secret = await browsers.open_browser(browsers.CONSOLE, cleo, now=now)
    await administrator_list.disable(cleo.id, by=COMMAND, now=now)
    assert not await BrowserSession.filter(administrator_id=cleo.id).exists()
    assert await browsers.find_browser(secret, browsers.CONSOLE, now=now) is None
    with pytest.raises(SigninFailed):
        await administrators.sign_in(desk, "cleo", PASSWORD, "203.0.113.9", now=now)
    await administrator_list.enable(cleo.id, by=COMMAND, now=now)
    later = now + timedelta(minutes=1)
    assert (await administrators.sign_in(desk, "cleo", PASSWORD, "203.0.113.9", now=later)).id == cleo.id
    actions = await AuditEntry.filter(subject="cleo", action__startswith="administrator.").values_list(
        "action", flat=True
    )
    assert {"administrator.disabled", "administrator.enabled"} <= set(actions)


async def test_a_removed_administrator_is_forgotten_with_the_links_of_that_name(desk: Desk, now: datetime) -> None:
    await add("ada")
    link = (await administrator_list.invite(desk, "cleo", "ADMIN", by=COMMAND, now=now)).partition("?s=")[2]
    cleo = await add("cleo")
    await browsers.open_browser(browsers.CONSOLE, cleo, now=now)
    assert await administrator_list.remove(cleo.id, by=COMMAND, now=now) == "cleo"
    assert not await BrowserSession.exists()
    with pytest.raises(SetupLinkUnknown):
        await administrators.use_setup_link(desk, link, "cleo", PASSWORD, now=now)
    with pytest.raises(StaleState):
        await administrator_list.remove(cleo.id, by=COMMAND, now=now)


async def test_nobody_changes_themselves(desk: Desk, now: datetime) -> None:
    ada = await add("ada")
    await add("dora")
    me = await by(ada)
    for change in (
        administrator_list.give_role(ada.id, "ADMIN", by=me, now=now),
        administrator_list.disable(ada.id, by=me, now=now),
        administrator_list.enable(ada.id, by=me, now=now),
        administrator_list.remove(ada.id, by=me, now=now),
    ):
        with pytest.raises(OwnRole):
            await change
    assert await Administrator.filter(name="ada", role="ADMIN", disabled=False).exists()


async def test_nobody_gives_or_touches_what_goes_beyond_them(desk: Desk, now: datetime) -> None:
    ada = await add("ada")
    permissions = ["administrator.see", "administrator.edit", "device.see"]
    await Role.create(name="small", permissions=permissions, created_at=now)
    await Role.create(name="smaller", permissions=["device.see"], created_at=now)
    cleo, dora = await add("cleo", "small"), await add("dora", "smaller")
    link = await administrator_list.invite(desk, "eve", "ADMIN", by=COMMAND, now=now)
    (waiting,) = await administrator_list.list_pending(now=now)
    me = await by(cleo)
    for change in (
        administrator_list.invite(desk, "finn", "ADMIN", by=me, now=now),
        administrator_list.invite(desk, "finn", "SUPPORT", by=me, now=now),
        administrator_list.give_role(dora.id, "ADMIN", by=me, now=now),
        administrator_list.give_role(ada.id, "smaller", by=me, now=now),
        administrator_list.disable(ada.id, by=me, now=now),
        administrator_list.remove(ada.id, by=me, now=now),
        administrator_list.withdraw_setup_link(waiting.id, by=me, now=now),
    ):
        with pytest.raises(BeyondRole):
            await change
    assert link
    await administrator_list.give_role(dora.id, "small", by=me, now=now)
    await administrator_list.remove(dora.id, by=me, now=now)


async def test_the_last_one_who_may_do_everything_stays(desk: Desk, now: datetime) -> None:
    ada, dora = await add("ada"), await add("dora")
    await add(r"corp\finn", domain="corp")
    await administrator_list.disable(dora.id, by=COMMAND, now=now)
    for change in (
        administrator_list.give_role(ada.id, "SUPPORT", by=COMMAND, now=now),
        administrator_list.disable(ada.id, by=COMMAND, now=now),
        administrator_list.remove(ada.id, by=COMMAND, now=now),
    ):
        with pytest.raises(LastAdministrator):
            await change
    await administrator_list.remove(dora.id, by=COMMAND, now=now)
    assert (await administrator_list.give_role(ada.id, "ADMIN", by=COMMAND, now=now)).role == "ADMIN"
    with pytest.raises(StaleState):
        await administrator_list.disable(uuid4(), by=COMMAND, now=now)


async def test_of_two_who_end_each_other_at_once_one_stays(desk: Desk, now: datetime) -> None:
    for change in (administrator_list.remove, administrator_list.disable):
        await Administrator.all().delete()
        ada, dora = await add("ada"), await add("dora")
        results = await asyncio.gather(
            change(dora.id, by=await by(ada), now=now),
            change(ada.id, by=await by(dora), now=now),
            return_exceptions=True,
        )
        assert [isinstance(each, LastAdministrator) for each in results].count(True) == 1, results
        assert await Administrator.filter(role="ADMIN", disabled=False).count() == 1


async def test_a_directory_gives_its_administrators_their_roles(desk: Desk, now: datetime) -> None:
    await add("ada")
    finn = await add(r"corp\finn", "SUPPORT", domain="corp")
    with pytest.raises(InputRefused, match="comes from a group of corp"):
        await administrator_list.give_role(finn.id, "ADMIN", by=COMMAND, now=now)
    assert (await administrator_list.disable(finn.id, by=COMMAND, now=now)).disabled


async def test_the_list_says_who_is_signed_in(desk: Desk, now: datetime) -> None:
    ada = await add("ada")
    await add("cleo", "SUPPORT")
    await browsers.open_browser(browsers.CONSOLE, ada, now=now)
    found = {
        row.name: (row.role, row.signed_in, row.seen_at == now)
        for row in await administrator_list.list_administrators()
    }
    assert found == {"ada": ("ADMIN", 1, True), "cleo": ("SUPPORT", 0, False)}
    assert (await administrator_list.find_by_name(" CLEO ")) is not None
    assert await administrator_list.find_by_name("\0") is None
