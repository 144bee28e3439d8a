"""Reminders of a campaign end with the enrollment; after the last one the manager is told, once."""

from datetime import datetime

import pytest

from otae.delivery import catcher
from otae.invitations import campaign_moves, campaigns, lifecycle, reminders
from otae.invitations.campaigns import Plan
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Campaign, CaughtMail, Delivery, Event, Invitation, Person
from tests.directory.ldap_desk import add, entry_for
from tests.invitations.crowds import join
from tests.invitations.following import DAY, HOUR, go_on, leave, look, mac_of, started
from tests.invitations.guests import add_person
from tests.servers.ldap_trees import GROUPS, PEOPLE
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

PLAN = Plan("Autumn", remind_days=2, remind_most=2, tell_manager=True)


async def sales(desk: Desk, now: datetime, *names: str) -> Campaign:
    """Start the campaign for these people, whose links are mailed."""
    await join([await add_person(desk, name) for name in names])
    return await started(desk, PLAN, mode="username_password", send=True, now=now)


async def sent(name: str) -> list[str]:
    """Give the kinds of what was sent for somebody, first sent first."""
    rows = await Delivery.filter(invitation__person__name=name, status="sent").order_by("sent_at", "created_at")
    return [each.kind for each in rows]


async def test_reminders_come_so_many_times_and_then_the_manager_once(desk: Desk) -> None:
    now = await database.now()
    row = await sales(desk, now, "ben")
    await Person.filter(name="ben").update(properties={"manager": "boss@example.test"})
    for days in range(1, 13, 3):
        row = await go_on(desk, row, now + days * DAY)
    assert await sent("ben") == ["url", "reminder-1", "reminder-2", "manager"]
    mail = await CaughtMail.get(recipient="boss@example.test")
    assert mail.subject == "otae: ben has not enrolled a Mac yet"
    invitation = await Invitation.get()
    await lifecycle.resend(desk, invitation, now=now + 30 * DAY, actor="ada")
    for days in range(31, 43, 3):
        row = await go_on(desk, row, now + days * DAY)
    assert (await sent("ben")).count("manager") == 1


async def test_the_manager_gets_neither_link_nor_pin(desk: Desk) -> None:
    now = await database.now()
    row = await sales(desk, now, "ben")
    await Person.filter(name="ben").update(properties={"manager": "boss@example.test"})
    for days in (3, 6, 9):
        await go_on(desk, row, now + days * DAY)
    mail = await CaughtMail.get(recipient="boss@example.test")
    shown = await catcher.read_caught(desk, mail.id, now=now, actor="ada")
    assert shown is not None
    assert "ben (ben) was invited" in shown.text
    assert "?e=" not in shown.text + shown.html
    assert "ep-" not in shown.text + shown.html


@pytest.mark.parametrize("end", ["redeemed", "revoked"])
async def test_nobody_is_reminded_and_no_manager_told_once_it_is_over(desk: Desk, end: str) -> None:
    now = await database.now()
    row = await sales(desk, now, "ben")
    await Person.filter(name="ben").update(properties={"manager": "boss@example.test"})
    await Invitation.all().update(status=end)
    for days in (3, 6, 9):
        await go_on(desk, row, now + days * DAY)
    assert await sent("ben") == ["url"]


async def test_whoever_enrolled_without_the_link_is_not_reminded_and_counts_as_enrolled(desk: Desk) -> None:
    now = await database.now()
    row = await sales(desk, now, "ben", "cleo")
    await mac_of(desk, await Person.get(name="ben"), now)
    row = await go_on(desk, row, now + 3 * DAY)
    assert await sent("ben") == ["url"]
    assert await sent("cleo") == ["url", "reminder-1"]
    assert [each.enrolled for each in await campaigns.days(row)] == [0, 1]


async def test_the_reminders_of_all_others_are_not_sent_besides(desk: Desk) -> None:
    now = await database.now()
    await properties.write("reminder.days", "1")
    await sales(desk, now, "ben")
    assert await reminders.send_due(desk, now=now + 5 * DAY) == 0


async def test_a_paused_campaign_reminds_nobody(desk: Desk) -> None:
    now = await database.now()
    row = await sales(desk, now, "ben")
    await campaign_moves.pause(row, now=now, actor="ada")
    for days in (3, 6, 9):
        row = await go_on(desk, row, now + days * DAY)
    assert await sent("ben") == ["url"]


async def test_whoever_is_missing_from_the_group_is_not_reminded(desk: Desk) -> None:
    now = await database.now()
    row = await sales(desk, now, "ben", "cleo", "dan")
    await leave("ben")
    row = await look(desk, row, now + HOUR)
    await Campaign.all().update(tried_at=now + 30 * DAY)
    await go_on(desk, row, now + 3 * DAY)
    assert await sent("ben") == ["url"]
    assert await sent("cleo") == ["url", "reminder-1"]


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("", "no manager is known"),
        ("local/nobody", "the manager was not found"),
        ("ben@example.test", "the person is their own manager"),
    ],
)
async def test_without_a_manager_the_timeline_says_why_once(desk: Desk, named: str, why: str) -> None:
    now = await database.now()
    row = await sales(desk, now, "ben")
    await Person.filter(name="ben").update(properties={"manager": named})
    for days in (3, 6, 9, 12):
        row = await go_on(desk, row, now + days * DAY)
    assert [each.detail for each in await Event.filter(kind="manager.unknown")] == [why]
    assert "manager" not in await sent("ben")


async def test_a_directorys_manager_is_mailed_and_waited_for_while_it_is_away(
    sqlite_desk: Desk, ldap_server: LdapServer
) -> None:
    desk, now = sqlite_desk, await database.now()
    await add(desk, entry_for(ldap_server, timeout=1, attributes="manager"))
    ldap_server.change(
        f"dn: uid=ben,{PEOPLE}\nchangetype: modify\nadd: manager\nmanager: uid=cleo,{PEOPLE}\n\n"
        f"dn: cn=unique,{GROUPS}\nchangetype: modify\nreplace: uniqueMember\nuniqueMember: uid=ben,{PEOPLE}\n"
    )
    row = await started(desk, PLAN, group="corp/unique", mode="username_password", send=True, now=now)
    for days in (3, 5):
        row = await go_on(desk, row, now + days * DAY)
    assert await sent("ben") == ["url", "reminder-1", "reminder-2"]
    ldap_server.kill()
    row = await go_on(desk, row, now + 8 * DAY)
    assert not await Event.filter(kind="manager.unknown").exists()
    ldap_server.start()
    row = await go_on(desk, row, now + 9 * DAY)
    assert (await Delivery.get(kind="manager")).recipient == "cleo@example.test"
