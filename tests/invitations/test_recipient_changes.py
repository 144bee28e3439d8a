"""What became of the recipient since the invitation was made."""

import pytest

from otae.invitations import lifecycle, recipient_changes
from otae.invitations.recipient_changes import Change, RecipientChanges
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Person
from tests.directory.ldap_desk import add, entry_for
from tests.invitations.guests import BEN, add_person, invite, order_of
from tests.servers.ldap_trees import PEOPLE
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio


async def test_what_changed_is_told_field_by_field_and_nothing_else(desk: Desk) -> None:
    await properties.write("phone.region", "DE")
    ben, now = await add_person(desk, phone="0151 12345678"), await database.now()
    row = (await invite(desk)).invitation
    assert await recipient_changes.compare(desk, row, now=now) == RecipientChanges(())
    await Person.filter(id=ben.id).update(phone=BEN, language="de")
    assert (await recipient_changes.compare(desk, row, now=now)).changes == (), "the same number, written otherwise"
    await Person.filter(id=ben.id).update(phone=None, email="new@example.test", display_name="Benjamin")
    assert (await recipient_changes.compare(desk, row, now=now)).changes == (
        Change("display_name", row.display_name, "Benjamin"),
        Change("email", "ben@example.test", "new@example.test"),
        Change("phone", BEN, ""),
    )


async def test_a_directory_is_asked_and_what_it_no_longer_has_or_does_not_answer_is_told(
    sqlite_desk: Desk, ldap_server: LdapServer
) -> None:
    desk, now = sqlite_desk, await database.now()
    await add(desk, entry_for(ldap_server, timeout=1))
    created = await lifecycle.create(desk, order_of("CORP\\ben", mode="two_factor"), now=now, actor="ada")
    assert await recipient_changes.compare(desk, created.invitation, now=now) == RecipientChanges(())
    ldap_server.change(f"dn: uid=ben,{PEOPLE}\nchangetype: modify\nreplace: mail\nmail: benjamin@example.test\n")
    told = await recipient_changes.compare(desk, created.invitation, now=now)
    assert told.changes == (Change("email", "ben@example.test", "benjamin@example.test"),)
    ldap_server.change(f"dn: uid=ben,{PEOPLE}\nchangetype: delete\n")
    assert (await recipient_changes.compare(desk, created.invitation, now=now)).gone
    ldap_server.kill()
    assert not (await recipient_changes.compare(desk, created.invitation, now=now)).directory_answered
