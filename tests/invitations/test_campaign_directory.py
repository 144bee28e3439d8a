"""A campaign whose group is a directory's: only an answer to the end changes anything."""

from typing import Any

import pytest

from otae.directory import whole_group
from otae.directory.ldap.connection import Connection
from otae.directory.ldap.results import SIZE_LIMIT
from otae.directory.whole_group import IncompleteAnswer
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import GroupInvitee
from tests.directory.ldap_desk import add, entry_for
from tests.invitations.following import HOUR, links, look, started
from tests.servers.ldap_trees import GROUPS, PEOPLE
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Nothing here depends on the database."""
    return sqlite_desk


def members(*names: str, group: str = "unique") -> str:
    """Give the change after which these people are the group's members."""
    listed = "".join(f"uniqueMember: uid={name},{PEOPLE}\n" for name in names)
    return f"dn: cn={group},{GROUPS}\nchangetype: modify\nreplace: uniqueMember\n{listed}"


async def test_a_directorys_group_is_followed_and_whatever_it_does_not_answer_changes_nothing(
    desk: Desk, ldap_server: LdapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otae.directory.ldap.membership.PAGE", 1)
    await add(desk, entry_for(ldap_server, timeout=1))
    row, now = await started(desk, group="corp/unique"), await database.now()
    assert await links(row.id) == {"ben": "pending", "cleo": "pending"}
    ldap_server.change(members("cleo", "anna"))
    row = await look(desk, row, now + HOUR)
    assert await links(row.id) == {"ben": "pending", "cleo": "pending", "anna": "pending"}
    ldap_server.kill()
    for hours in (2, 3):
        row = await look(desk, row, now + hours * HOUR)
        assert row.trouble.startswith("away ")
    assert (await links(row.id))["ben"] == "pending"
    ldap_server.start()
    for hours in (4, 5):
        await cut_off(desk, row.id, monkeypatch)
        row = await look(desk, row, now + hours * HOUR)
    assert (row.trouble, await links(row.id)) == ("", {"ben": "revoked", "cleo": "pending", "anna": "pending"})
    ldap_server.change(f"dn: cn=unique,{GROUPS}\nchangetype: delete\n")
    for hours in (6, 7):
        row = await look(desk, row, now + hours * HOUR)
        assert row.trouble == "gone"
    assert set((await links(row.id)).values()) == {"pending", "revoked"}
    assert not await GroupInvitee.filter(missing_since__gt=now + 2 * HOUR).exists()


async def cut_off(desk: Desk, _campaign: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server's size limit cut the people's entries off: whoever is left out is no answer."""
    real = Connection._search  # noqa: SLF001 - where every search goes through

    def limited(self: Connection, base: str, asked: str, names: Any, scope: Any, **options: Any) -> Any:  # noqa: ANN401 - passed through
        found, code, words = real(self, base, asked, names, scope, **options)
        return (found[:0], SIZE_LIMIT, "the size limit") if base == PEOPLE and "uid=" in asked else (found, code, words)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "_search", limited)
        with pytest.raises(IncompleteAnswer) as caught:
            await whole_group.read(desk, "corp", "unique", now=await database.now())
    assert caught.value.reason == whole_group.AWAY
