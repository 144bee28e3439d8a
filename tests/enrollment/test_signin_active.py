"""Why an Active Directory refuses a right password is for administrators; everybody else sees one face."""

from collections.abc import Iterator

import pytest

from otae.accounts import administrators, assignments
from otae.accounts.roles import Grantor
from otae.directory.ldap.directory import ldap_directory
from otae.enrollment.signin import BUDGET, UNKNOWN_NAMES, SignInEntry, sign_in
from otae.errors import DirectoryUnavailable, SigninFailed, SlowDown
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Counter, DirectoryServer, Event
from tests.accounts.counted import failures_of
from tests.directory.ldap_desk import active_entry, add
from tests.servers.bind_answers import answering
from tests.servers.ldap_trees import CORP, PASSWORD, user
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

#: Who is refused with which code, and what an administrator reads.
REFUSED = {
    "must": ("773", "the password must be changed first"),
    "stale": ("532", "the password has expired"),
    "off": ("533", "the account is disabled"),
    "over": ("701", "the account has expired"),
    "shut": ("775", "the account is locked in the directory"),
    "asleep": ("530", "not at this time of day"),
    "away": ("531", "not at this computer"),
}
CODES = {name: code for name, (code, _) in REFUSED.items()}


@pytest.fixture(scope="module")
def strict_ldap() -> Iterator[LdapServer]:
    """Run a server whose Active Directory lets Ben in, and nobody of REFUSED whatever the password."""
    with answering({"ben": "", **CODES}) as server:
        for number, name in enumerate(REFUSED, 20):
            server.change(user(name, number).replace("\n", "\nchangetype: add\n", 1), CORP)
        yield server


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Open an installation on SQLite: nothing here depends on the database."""
    return sqlite_desk


@pytest.fixture
async def corp(desk: Desk, strict_ldap: LdapServer) -> DirectoryServer:
    return await add(desk, active_entry(strict_ldap, lockout_limit=9))


async def refused(desk: Desk, entry: SignInEntry) -> tuple[SigninFailed, str]:
    """Give the refusal and what was written down of it, "" where nobody has the name."""
    with pytest.raises(SigninFailed) as caught:
        await sign_in(desk, entry, now=await database.now())
    event = await Event.filter(kind="signin.failed", support_code=caught.value.support_code).order_by("-id").first()
    assert event is not None or "nobody" in entry.name
    return caught.value, event.detail if event else ""


async def failures() -> dict[str, int]:
    """Give how often each kind of counter counts a failure now, and forget them."""
    counted = {
        row.key.split(":")[0]: row.failures for row in await Counter.filter(failures__gt=0).exclude(key=UNKNOWN_NAMES)
    }
    await Counter.all().delete()
    return counted


async def test_each_reason_is_told_in_words(desk: Desk, corp: DirectoryServer) -> None:
    people = await ldap_directory(desk, corp)
    for name, (_, words) in REFUSED.items():
        found = await people.find_person(name)
        assert found is not None
        answer = await people.try_password(found, PASSWORD)
        assert (answer.right, answer.reason) == (False, words)
        assert (await people.try_password(found, "wrong")).reason == "wrong password"
    assert await people.check_password(await people.find_person("ben"), PASSWORD)


async def test_at_the_bare_page_nobody_learns_that_a_password_was_right(
    desk: Desk, corp: DirectoryServer, strict_ldap: LdapServer
) -> None:
    """Whatever the directory says: the same words, searches, binds and counted tries as for a wrong password."""
    seen, told = set(), {}
    for name, password in (*((name, PASSWORD) for name in REFUSED), ("ben", "wrong"), ("nobody", PASSWORD)):
        before = strict_ldap.searches(), strict_ldap.binds()
        refusal, detail = await refused(desk, SignInEntry(f"ad\\{name}", password, network="203.0.113.9"))
        asked = strict_ldap.searches() - before[0], strict_ldap.binds() - before[1]
        seen.add((str(refusal), refusal.code, asked, tuple(sorted((await failures()).items()))))
        told[name] = detail
    assert len(seen) == 1, seen
    assert dict(next(iter(seen))[3]) == {BUDGET: 1, "share": 1, "lockout": 1, "password": 1}
    for name, (_, words) in REFUSED.items():
        assert words in told[name]


@pytest.mark.slow
async def test_through_the_link_it_is_a_wrong_password_and_the_invitation_says_why(
    desk: Desk, corp: DirectoryServer
) -> None:
    seen = set()
    for name, (_, words) in REFUSED.items():
        order = InvitationOrder(f"ad\\{name}", InvitationTerms(mode="two_factor"), show_pin=True)
        made = await lifecycle.create(desk, order, now=await database.now(), actor="ada")
        entry = SignInEntry(name, PASSWORD, made.pin or "", made.invitation, "203.0.113.9")
        refusal, detail = await refused(desk, entry)
        assert await Event.exists(invitation_id=made.invitation.id, support_code=refusal.support_code)
        assert detail.startswith(f"password ({words})")
        seen.add((str(refusal), refusal.code, *sorted((await failures()).items())))
        wrong, _ = await refused(desk, SignInEntry(name, "wrong", made.pin or "", made.invitation, "203.0.113.9"))
        seen.add((str(wrong), wrong.code, *sorted((await failures()).items())))
    assert len(seen) == 1, seen


async def test_a_refused_account_is_left_alone_like_any_other(desk: Desk, corp: DirectoryServer) -> None:
    """Were it not counted, that it goes on for ever would tell that the password is right."""
    await DirectoryServer.all().update(lockout_limit=3, lockout_minutes=5)
    for number in range(3):
        await refused(desk, SignInEntry("ad\\must", PASSWORD, network=f"198.51.{number}.1"))
    with pytest.raises(SlowDown):
        await sign_in(desk, SignInEntry("ad\\must", PASSWORD, network="192.0.2.1"), now=await database.now())


async def test_an_administrator_is_refused_alike(desk: Desk, corp: DirectoryServer) -> None:
    now = await database.now()
    await assignments.assign(desk, "ad/sales", "SUPPORT", by=Grantor("ada"), now=now)
    said = set()
    for name in (*REFUSED, "nobody"):
        with pytest.raises(SigninFailed) as caught:
            await administrators.sign_in(desk, f"ad\\{name}", PASSWORD, "203.0.113.9", now=now)
        counted = await failures_of(desk, "console", f"ad\\{name}", "203.0.113.9")
        said.add((str(caught.value), counted))
    assert len(said) == 1
    assert (await administrators.sign_in(desk, "ad\\ben", PASSWORD, "203.0.113.9", now=now)).role == "SUPPORT"


async def test_the_account_that_looks_people_up_may_be_locked_itself(desk: Desk, strict_ldap: LdapServer) -> None:
    bound = f"cn=Shut,ou=staff,{CORP}"
    people = await ldap_directory(desk, await add(desk, active_entry(strict_ldap, bind_name=bound)))
    with pytest.raises(DirectoryUnavailable, match="bind: the account is locked in the directory"):
        await people.find_person("ben")
