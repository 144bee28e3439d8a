"""Sending again looks at whom it goes to: changed, disabled, gone, or a directory that does not answer."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from otae.directory.ldap.pool import LdapPool
from otae.errors import InputRefused
from otae.invitations import bulk_actions, lifecycle
from otae.invitations.lifecycle import Created
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, DirectoryServer, Event, Invitation, Person
from tests.directory.ldap_desk import add, entry_for
from tests.invitations.guests import invite
from tests.servers import ldap_trees, slapd
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

WHERE = f"dn: uid=ben,{ldap_trees.PEOPLE}\nchangetype: modify\nreplace: mail\nmail: "


@pytest.fixture(scope="module")
def ldap() -> Iterator[LdapServer]:
    """Run a server for the tests of this module, which leave its people as they were."""
    with slapd.running() as server:
        yield server


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Open an installation on SQLite: nothing here differs between databases."""
    return sqlite_desk


async def invited(desk: Desk, server: LdapServer, now: datetime, user: str = "corp/ben") -> Created:
    if not await DirectoryServer.exists():
        await add(desk, entry_for(server, timeout=2))
    order = InvitationOrder(user, InvitationTerms(mode="username_password"))
    return await lifecycle.create(desk, order, now=now, actor="ada")


async def moved_out(desk: Desk) -> None:
    """Let the directory answer nobody any more."""
    desk.resources.get(LdapPool).close_idle()
    await DirectoryServer.all().update(port=1)


async def last_address(made: Created) -> str:
    row = await Delivery.filter(invitation_id=made.invitation.id, kind="url").order_by("-generation").first()
    assert row is not None
    return row.recipient


async def told(made: Created) -> str:
    return (await Event.get(invitation_id=made.invitation.id, kind="invitation.resent")).detail


async def test_a_changed_address_is_told_and_used_or_the_old_one_where_that_is_chosen(
    desk: Desk, ldap: LdapServer
) -> None:
    now = await database.now()
    made = await invited(desk, ldap, now)
    ldap.change(f"{WHERE}new@example.test\n")
    try:
        await lifecycle.resend(desk, made.invitation, now=now, actor="ada", address="old")
        assert await last_address(made) == "ben@example.test"
        assert await told(made) == "email of before, ben@example.test, now new@example.test"
        assert (await Person.get(domain="corp")).email == "new@example.test"
        again = await lifecycle.resend(desk, made.invitation, now=now, actor="ada")
    finally:
        ldap.change(f"{WHERE}ben@example.test\n")
    assert await last_address(made) == "new@example.test"
    assert (again.words, again.unreachable) == ("new@example.test, not ben@example.test", False)
    assert (await Invitation.get(id=made.invitation.id)).email == "new@example.test"


async def test_who_is_gone_or_disabled_is_refused(desk: Desk, ldap: LdapServer) -> None:
    now = await database.now()
    made = await invited(desk, ldap, now)
    await Person.filter(domain="corp").update(directory_id="00000000-0000-4000-8000-000000000000")
    with pytest.raises(InputRefused) as refused:
        await lifecycle.resend(desk, made.invitation, now=now, actor="ada")
    assert "no longer in the directory corp" in refused.value.fields["recipient"]
    other = await invited(desk, ldap, now, "corp/cleo")
    await Person.filter(id=other.invitation.person_id).update(disabled=True)
    with pytest.raises(InputRefused) as refused:
        await lifecycle.resend(desk, other.invitation, now=now, actor="ada")
    assert refused.value.fields["recipient"] == "Cleo is disabled"
    with pytest.raises(InputRefused, match="choose new or old"):
        await lifecycle.resend(desk, other.invitation, now=now, actor="ada", address="elsewhere")


async def test_a_directory_that_is_away_keeps_nobody_waiting_and_is_told(desk: Desk, ldap: LdapServer) -> None:
    now = await database.now()
    ids = [(await invited(desk, ldap, now, f"corp/{name}")).invitation.id for name in ("ben", "cleo")]
    await moved_out(desk)
    made = await lifecycle.resend(desk, await Invitation.get(id=ids[0]), now=now, actor="ada")
    assert (made.unreachable, made.words) == (True, "the directory corp did not answer: ben as last known")
    assert await last_address(made) == "ben@example.test"
    outcome = await bulk_actions.change(desk, "resend", ids, now=now, actor="ada")
    assert (outcome.done, outcome.unreachable) == (2, ["corp"])


async def test_of_our_own_people_nothing_is_told_while_nothing_changed(desk: Desk) -> None:
    now, made = await database.now(), await invite(desk, "username_password")
    again = await lifecycle.resend(desk, made.invitation, now=now, actor="ada")
    assert (again.words, await told(again)) == ("", "")
    await Person.filter(name="ben").update(email=None)
    with pytest.raises(InputRefused, match="e-mail address"):
        await lifecycle.resend(desk, made.invitation, now=now, actor="ada")
    await lifecycle.resend(desk, made.invitation, now=now, actor="ada", address="old")
    assert await last_address(made) == "ben@example.test"
    assert (await Person.get(name="ben")).email is None
