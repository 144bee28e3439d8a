"""At the desk: who may be confirmed, what is given out once, and how the person ends it."""

import asyncio
import re
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from otae.accounts.administrators import create_administrator
from otae.delivery import catcher
from otae.delivery.queue import outbox
from otae.directory.local import groups
from otae.directory.reach import EVERYBODY, Reach, reach_of
from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import InputRefused, InvitationRevoked, NotAllowed, ObjectionUnknown, SlowDown
from otae.invitations import go_codes, identity_confirmations, lifecycle, reminders
from otae.invitations.identity_confirmations import Confirmed
from otae.invitations.lifecycle import Created
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.mode_table import MODES
from otae.store.models import AuditEntry, CaughtMail, Delivery, Event, Invitation, ModePolicy, Person, Pin
from tests.invitations.guests import PASSWORD, add_person, invite

pytestmark = pytest.mark.anyio

ADA = uuid4()


async def confirm(desk: Desk, created: Created, reach: Reach = EVERYBODY, by_id: UUID = ADA) -> Confirmed | None:
    now = await database.now()
    return await identity_confirmations.confirm(
        desk, created.invitation.id, reach=reach, by="ada", by_id=by_id, now=now
    )


async def confirmed(desk: Desk, mode: str = "two_factor") -> tuple[Created, Confirmed]:
    created = await invite(desk, mode, send=False)
    given = await confirm(desk, created)
    assert given is not None
    return created, given


async def text_of(desk: Desk, kind: str, subject: str, now: datetime) -> str:
    """Send the message of ``kind`` that waits, and give its text."""
    delivery = await Delivery.get(kind=kind, status="queued")
    await outbox.deliver(desk, delivery.id, now=now)
    mail = (await CaughtMail.filter(subject__contains=subject).order_by("-caught_at").limit(1))[0]
    message = await catcher.read_caught(desk, mail.id, now=now, actor="ada")
    assert message
    return message.text


async def mailed(desk: Desk, now: datetime) -> str:
    """Send the message to the person, and give the token of its link."""
    return str(re.findall(r"not-me\?t=([\w-]+)", await text_of(desk, "identity", "identity was confirmed", now))[0])


# Finding --------------------------------------------------------------------------------------------------------------


async def test_people_are_found_by_name_address_and_department_with_what_a_code_may_open(desk: Desk) -> None:
    now = await database.now()
    open_one = await invite(desk, "two_factor", send=False)
    await lifecycle.revoke(desk, (await invite(desk, "username_pin", send=False)).invitation, now=now, actor="ada")
    await invite(desk, "high_security", send=False)
    await Person.filter(name="ben").update(properties={"department": "Sales 100% North"})
    for search in ("ben", "BEN@EXAMPLE", "sales", "100%"):
        (visitor,) = await identity_confirmations.find_visitors(search, reach=EVERYBODY, now=now)
        assert visitor.person.name == "ben"
        assert [row.id for row in visitor.invitations] == [open_one.invitation.id]
        assert not visitor.administrator
    assert await identity_confirmations.find_visitors("purchasing", reach=EVERYBODY, now=now) == []
    assert await identity_confirmations.find_visitors("%%", reach=EVERYBODY, now=now) == []


async def test_only_people_within_reach_are_found_and_confirmed(desk: Desk) -> None:
    now = await database.now()
    created = await invite(desk, send=False)
    await groups.add_group("sales", now=now, actor="ada")
    reach = await reach_of(["local/sales"], now=now)
    assert await identity_confirmations.find_visitors("ben", reach=reach, now=now) == []
    assert await confirm(desk, created, reach) is None
    assert await confirm(desk, created) is not None


# Giving out -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["username_password", "two_factor", "username_pin"])
async def test_code_and_pin_enroll_and_it_says_who_confirmed(desk: Desk, mode: str) -> None:
    created, given = await confirmed(desk, mode)
    assert (given.pin is None) is (not MODES[mode].secret)
    assert given.pin is None or given.pin != created.pin
    event = await Event.get(kind="identity.confirmed")
    assert (event.invitation_id, event.actor) == (created.invitation.id, "ada")
    entry = await AuditEntry.get(action="identity.confirmed")
    assert (entry.actor, entry.subject) == ("ada", str(created.invitation.id))
    now = await database.now()
    invitation = await go_codes.use(desk, given.code.clear, now=now)
    assert invitation
    password = PASSWORD if MODES[mode].authentication else ""
    entered = SignInEntry("ben", password, given.pin or "", network="203.0.113.9", by_code=invitation)
    assert (await sign_in(desk, entered, now=now)).invitation_id == created.invitation.id


async def test_pins_before_stop_working_and_secrets_are_not_kept(desk: Desk) -> None:
    created, given = await confirmed(desk)
    assert [pin.generation for pin in await Pin.filter(active=True)] == [2]
    stored = str([await Invitation.all().values(), await Pin.all().values(), await Event.all().values()])
    assert given.pin
    for secret in (given.code.clear, given.pin, created.pin or "-"):
        assert secret not in stored
        assert secret not in repr(given)
    assert (await Pin.get(active=True)).pin_sealed is None


@pytest.mark.parametrize("mode", [mode.name for mode in MODES.values() if mode.token])
async def test_where_the_link_is_a_factor_nothing_is_given_out(desk: Desk, mode: str) -> None:
    await ModePolicy.update_or_create(defaults={"options": {"enabled": True}}, mode=mode)
    created = await invite(desk, mode, send=False)
    with pytest.raises(InputRefused):
        await confirm(desk, created)
    assert not await Event.exists(kind="identity.confirmed")


@pytest.mark.parametrize("who", ["account", "address", "role", "no address", "disabled", "revoked", "text message"])
async def test_who_may_not_be_confirmed(desk: Desk, who: str) -> None:
    now = await database.now()
    created = await invite(desk, "two_factor", send=False)
    if who == "account":
        await create_administrator(desk, name="ben", password="four quiet words here", now=now, actor="ada")
    elif who == "address":
        made = await create_administrator(desk, name="boss", password="four quiet words here", now=now, actor="ada")
        await type(made).filter(id=made.id).update(email="Ben@Example.test")
    elif who == "role":
        await Person.all().update(role="SUPPORT")
    elif who == "no address":
        await Person.all().update(email=None)
        await Invitation.all().update(email=None)
    elif who == "disabled":
        await Person.all().update(disabled=True)
    elif who == "revoked":
        await lifecycle.revoke(desk, created.invitation, now=now, actor="ada")
    else:
        await ModePolicy.update_or_create(defaults={"pin_channel": "sms"}, mode="two_factor")
    with pytest.raises(InvitationRevoked if who == "revoked" else InputRefused):
        await confirm(desk, created)
    assert not await Delivery.filter(kind="identity").exists()
    visitors = await identity_confirmations.find_visitors("ben", reach=EVERYBODY, now=now)
    assert (
        [visitor.administrator for visitor in visitors] == []
        if who == "disabled"
        else [who in {"account", "address", "role"}]
    )


async def test_an_administrator_confirms_thirty_times_an_hour(desk: Desk) -> None:
    created = await invite(desk, "username_password", send=False)
    for _ in range(30):
        await confirm(desk, created)
    with pytest.raises(SlowDown):
        await confirm(desk, created)
    assert await confirm(desk, created, by_id=uuid4())


async def test_confirmed_at_once_by_two_one_code_works(desk: Desk) -> None:
    created = await invite(desk, send=False)
    answers = await asyncio.gather(*(confirm(desk, created) for _ in range(6)), return_exceptions=True)
    given = [each for each in answers if isinstance(each, Confirmed)]
    assert given
    now = await database.now()
    assert sum([await go_codes.use(desk, each.code.clear, now=now) is not None for each in given]) == 1
    assert await Pin.filter(active=True).count() == 1


# Not you? -------------------------------------------------------------------------------------------------------------


async def test_the_person_ends_it_once_by_the_link_in_the_mail(desk: Desk) -> None:
    created, given = await confirmed(desk)
    now = await database.now()
    token = await mailed(desk, now)
    assert len(token) == 22, "128 bits"
    objection = await identity_confirmations.find_objection(token)
    assert (objection.invitation.id, objection.by) == (created.invitation.id, "ada")
    assert (await Invitation.get()).status == "pending", "looking changes nothing"
    answers = await asyncio.gather(
        *(identity_confirmations.end_by_objection(desk, token, now=now) for _ in range(5)), return_exceptions=True
    )
    assert answers.count(False) == 1
    assert {type(each) for each in answers if each is not False} == {ObjectionUnknown}
    row = await Invitation.get()
    assert (row.status, row.objection_sealed) == ("revoked", None)
    assert await go_codes.use(desk, given.code.clear, now=now) is None
    assert not await Pin.filter(active=True).exists()
    assert (await Event.get(kind="identity.objected")).actor == identity_confirmations.ACTOR


async def test_who_objects_too_late_is_told_and_so_is_who_invited(desk: Desk) -> None:
    created, _given = await confirmed(desk)
    now = await database.now()
    await properties.write("support.contact", "it@example.test")
    await lifecycle.redeem(created.invitation, now=now)
    token = await mailed(desk, now)
    assert await identity_confirmations.end_by_objection(desk, token, now=now)
    assert (await Invitation.get()).status == "redeemed"
    told = await text_of(desk, "objection", "was not the person at the desk", now)
    assert "it was not them whose identity was confirmed at the desk" in " ".join(told.split())
    with pytest.raises(ObjectionUnknown):
        await identity_confirmations.end_by_objection(desk, token, now=now)


async def test_the_newest_mail_counts(desk: Desk) -> None:
    created, _ = await confirmed(desk)
    now = await database.now()
    first = await mailed(desk, now)
    await confirm(desk, created)
    second = await mailed(desk, await database.now())
    assert first != second
    with pytest.raises(ObjectionUnknown):
        await identity_confirmations.find_objection(first)
    assert not await identity_confirmations.end_by_objection(desk, second, now=now)


async def test_a_link_that_nobody_was_sent_is_unknown(desk: Desk) -> None:
    await invite(desk, send=False)
    for token in ("", "x", "A" * 22):
        with pytest.raises(NotAllowed):
            await identity_confirmations.find_objection(token)
    await add_person(desk, "cleo")


async def test_the_link_can_still_be_mailed_again_afterwards(desk: Desk) -> None:
    created = await invite(desk, "two_factor")
    assert await confirm(desk, created)
    await created.invitation.refresh_from_db()
    assert await reminders.mail_link(desk, created.invitation, now=await database.now())
    assert (await Delivery.get(kind="reminder-1")).generation == 2
