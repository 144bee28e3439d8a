"""Signing in with a directory's password: every mode, every way to write a name, outages, lockout, and no telling.

It is longer than 300 lines because each sentence of the sign-in rules has its test here, as in test_signin.
"""

import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from otae.directory import registry
from otae.directory.ldap import servers
from otae.enrollment.signin import BUDGET, SignInEntry, sign_in
from otae.errors import DirectoryUnavailable, Refusal, SigninFailed, SlowDown
from otae.invitations import lifecycle
from otae.invitations.lifecycle import Created
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database, passwords
from otae.store.desk import Desk
from otae.store.models import Counter, DirectoryServer, EnrollmentSession, Event, Invitation, Person, Pin
from tests.directory.ldap_desk import active_entry, add, entry_for
from tests.invitations.guests import add_person
from tests.servers.ldap_trees import PASSWORD, PEOPLE
from tests.servers.slapd import LdapServer, running

pytestmark = pytest.mark.anyio

Watch = Callable[[object, str], list[tuple[object, ...]]]
HERE = "203.0.113.9"


@pytest.fixture(scope="module")
def shared_ldap() -> Iterator[LdapServer]:
    """Run one server for the tests that leave it alone."""
    with running() as server:
        yield server


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Open an installation on SQLite: what differs between databases is shown by the other sign-in tests."""
    return sqlite_desk


@pytest.fixture
async def corp(desk: Desk, shared_ldap: LdapServer) -> DirectoryServer:
    return await add(desk, entry_for(shared_ldap))


@pytest.fixture
async def own_ldap(desk: Desk, ldap_server: LdapServer) -> LdapServer:
    """Set up a directory on a server that the test may break."""
    await add(desk, entry_for(ldap_server, timeout=1))
    return ldap_server


async def invite(desk: Desk, mode: str, user: str = "CORP\\ben") -> Created:
    wanted = InvitationOrder(user, InvitationTerms(mode=mode), show_pin=True)
    return await lifecycle.create(desk, wanted, now=await database.now(), actor="ada")


async def enter(desk: Desk, created: Created | None = None, **given: Any) -> EnrollmentSession:  # noqa: ANN401 - fields of an entry
    wanted = {"name": "ben", "password": PASSWORD, "pin": (created and created.pin) or "", "network": HERE} | given
    entry = SignInEntry(invitation=created.invitation if created else None, **wanted)
    return await sign_in(desk, entry, now=await database.now())


async def failures() -> dict[str, int]:
    """Give what is counted anywhere: nothing, after what was no failure."""
    rows = await Counter.filter(failures__gt=0).values_list("key", "failures")
    return {str(key).split(":")[0]: int(failures) for key, failures in rows}


# Who gets in ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["username_password", "two_factor", "username_pin", "high_security"])
async def test_each_mode_opens_for_somebody_in_a_directory(desk: Desk, corp: DirectoryServer, mode: str) -> None:
    created = await invite(desk, mode)
    session = await enter(desk, created)
    person = await Person.get(id=session.person_id)
    assert (person.domain, person.name, person.email) == ("corp", "ben", "ben@example.test")
    assert session.invitation_id == created.invitation.id
    assert await failures() == {}


@pytest.mark.parametrize("name", ["ben", "BEN", "CORP\\ben", "corp/ben", "corp.test\\Ben", "ben@corp.test", "ben@corp"])
async def test_a_name_may_say_its_domain_at_both_doors(desk: Desk, corp: DirectoryServer, name: str) -> None:
    created = await invite(desk, "two_factor")
    for invitation in (created, None):
        session = await enter(desk, invitation, name=name, pin=created.pin)
        assert session.invitation_id == created.invitation.id


async def test_who_was_never_invited_starts_by_password(desk: Desk, corp: DirectoryServer) -> None:
    session = await enter(desk, name="cleo")
    assert (session.invitation_id, session.mode) == (None, "username_password")
    person = await Person.get(id=session.person_id)
    assert (person.domain, person.name) == ("corp", "cleo")


async def test_our_own_people_come_first_and_say_so_with_their_domain(desk: Desk, corp: DirectoryServer) -> None:
    ours = await add_person(desk, "ben")
    assert (await enter(desk, password="correct horse battery")).person_id == ours.id
    assert (await enter(desk, name="local\\ben", password="correct horse battery")).person_id == ours.id
    with pytest.raises(SigninFailed):
        await enter(desk, password=PASSWORD)
    assert (await enter(desk, name="corp\\ben")).person_id != ours.id


async def test_people_of_another_domain_than_the_default_say_it(desk: Desk, shared_ldap: LdapServer) -> None:
    await add(desk, entry_for(shared_ldap))
    await add(desk, active_entry(shared_ldap))
    session = await enter(desk, name="AD\\ben")
    assert (await Person.get(id=session.person_id)).email == "ben@corp.test"


async def test_a_directory_that_was_removed_lets_nobody_in(desk: Desk, corp: DirectoryServer) -> None:
    created = await invite(desk, "two_factor")
    await servers.remove_directory(corp, now=await database.now(), actor="ada")
    with pytest.raises(DirectoryUnavailable):
        await enter(desk, created)
    with pytest.raises(SigninFailed):
        await enter(desk, name="corp\\ben")


# Renamed, moved, gone -------------------------------------------------------------------------------------------------


async def test_who_was_renamed_and_moved_stays_one_person(desk: Desk, own_ldap: LdapServer) -> None:
    created = await invite(desk, "two_factor")
    own_ldap.change(
        f"dn: uid=ben,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=benjamin\ndeleteoldrdn: 1\n"
        f"newsuperior: ou=groups,dc=example,dc=test\n"
    )
    await DirectoryServer.all().update(user_base="dc=example,dc=test")
    session = await enter(desk, created, name="benjamin")
    assert session.person_id == created.invitation.person_id
    person = await Person.get(id=session.person_id)
    assert (person.name, await Person.filter(domain="corp").count()) == ("benjamin", 1)
    assert (await enter(desk, created, name="benjamin")).person_id == person.id


async def test_a_name_that_went_over_to_somebody_else_takes_nothing_with_it(desk: Desk, own_ldap: LdapServer) -> None:
    created = await invite(desk, "two_factor")
    own_ldap.change(
        f"dn: uid=ben,{PEOPLE}\nchangetype: delete\n\n"
        f"dn: uid=ben,{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: ben\ncn: Ben\nsn: Other\n"
        f"userPassword: {PASSWORD}\n"
    )
    session = await enter(desk, pin="")
    assert session.person_id != created.invitation.person_id
    for invitation in (created, None):
        with pytest.raises(SigninFailed):
            await enter(desk, invitation, pin=created.pin)
    old = await Person.get(id=created.invitation.person_id)
    assert old.name.startswith("ben~")


# Away -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["killed", "paused"])
async def test_a_directory_that_is_away_is_no_wrong_password(desk: Desk, own_ldap: LdapServer, how: str) -> None:
    two, pin = await invite(desk, "two_factor"), await invite(desk, "username_pin")
    if how == "killed":
        own_ldap.kill()
    else:
        own_ldap.tell(signal.SIGSTOP)
    try:
        for given in ({"created": two}, {"pin": two.pin}, {"name": "nobody"}, {"name": "CORP\\ben"}):
            with pytest.raises(DirectoryUnavailable) as caught:
                await enter(desk, **given)
            assert len(caught.value.support_code) in {5, 8}
        assert {key for key in await failures() if key != "outage"} == set()
        assert (await Pin.get(invitation_id=two.invitation.id)).link_tries == 0
        assert (await enter(desk, pin, password="")).invitation_id == pin.invitation.id
        assert (await enter(desk, pin=pin.pin, password="")).invitation_id == pin.invitation.id
    finally:
        if how == "paused":
            own_ldap.tell(signal.SIGCONT)
    assert {row.code for row in await Event.filter(kind="refused")} == {"directory-unavailable"}


async def test_our_own_people_get_in_while_it_is_away_and_are_not_guessed_faster(
    desk: Desk, own_ldap: LdapServer
) -> None:
    await add_person(desk, "ben")
    own_ldap.kill()
    assert (await enter(desk, password="correct horse battery")).mode == "username_password"
    for _ in range(6):
        with pytest.raises(DirectoryUnavailable):
            await enter(desk, password="wrong")
    with pytest.raises(DirectoryUnavailable):
        await enter(desk, password="correct horse battery")
    assert set(await failures()) == {"outage"}


# Lockout --------------------------------------------------------------------------------------------------------------


async def test_an_account_is_left_alone_after_too_many_wrong_passwords(desk: Desk, own_ldap: LdapServer) -> None:
    await DirectoryServer.all().update(lockout_limit=3, lockout_minutes=10)
    now = await database.now()
    for number in range(3):
        with pytest.raises(SigninFailed):
            await sign_in(desk, SignInEntry("ben", "wrong", network=f"198.51.{number}.1"), now=now)
    before = own_ldap.binds()
    right = SignInEntry("ben", PASSWORD, network="192.0.2.7")
    with pytest.raises(SlowDown) as caught:
        await sign_in(desk, right, now=now + timedelta(minutes=1))
    assert 500 < caught.value.seconds <= 540
    assert own_ldap.binds() == before
    assert (await sign_in(desk, right, now=now + timedelta(minutes=11))).mode == "username_password"


async def test_the_bare_page_never_locks_who_holds_a_link(desk: Desk, own_ldap: LdapServer) -> None:
    await DirectoryServer.all().update(lockout_limit=3, lockout_minutes=10)
    created = await invite(desk, "high_security")
    for number in range(30):
        with pytest.raises((SigninFailed, SlowDown)):
            await enter(desk, password="wrong", pin="00000000", network=f"198.51.{number}.1")
    assert (await enter(desk, created)).invitation_id == created.invitation.id


async def test_the_link_has_a_lockout_of_its_own(desk: Desk, own_ldap: LdapServer) -> None:
    await DirectoryServer.all().update(lockout_limit=2, lockout_minutes=10)
    created = await invite(desk, "username_password")
    for number in range(2):
        with pytest.raises(SigninFailed):
            await enter(desk, created, password="wrong", network=f"198.51.{number}.1")
    with pytest.raises(SlowDown):
        await enter(desk, created, network="192.0.2.7")
    assert (await enter(desk, network="192.0.2.7")).mode == "username_password"


async def test_one_account_is_counted_once_however_its_name_is_written(desk: Desk, corp: DirectoryServer) -> None:
    now = await database.now()
    for name in ("ben", "CORP\\ben", "corp/BEN"):
        with pytest.raises(SigninFailed):
            await sign_in(desk, SignInEntry(name, "wrong", network=HERE), now=now)
    with pytest.raises(SlowDown):
        await sign_in(desk, SignInEntry("ben@corp.test", "wrong", network=HERE), now=now)


# Telling nobody apart -------------------------------------------------------------------------------------------------


async def test_everybody_costs_and_is_told_the_same(desk: Desk, shared_ldap: LdapServer, count_calls: Watch) -> None:
    """Known, unknown, ours, disabled, ambiguous and uninvited: one hash, one search, one bind, the same words."""
    await add(desk, entry_for(shared_ldap))
    await add(desk, active_entry(shared_ldap))
    await add_person(desk, "olga")
    await invite(desk, "two_factor")
    hashes = count_calls(passwords, "verify_secret")
    costs = set()
    for name in ("ben", "nobody", "olga", "same", "cleo", "AD\\cleo", "AD\\ben", "AD\\nobody", "*)(uid=*"):
        before = len(hashes), shared_ldap.searches(), shared_ldap.binds()
        with pytest.raises(SigninFailed) as caught:
            await enter(desk, name=name, password="wrong")
        after = len(hashes), shared_ldap.searches(), shared_ldap.binds()
        costs.add((*(b - a for a, b in zip(before, after, strict=True)), str(caught.value), caught.value.code))
    assert len(costs) == 1, costs
    assert next(iter(costs))[:3] == (1, 1, 1)


async def test_through_the_link_every_miss_costs_the_same(
    desk: Desk, shared_ldap: LdapServer, corp: DirectoryServer, count_calls: Watch
) -> None:
    created = await invite(desk, "two_factor")
    hashes = count_calls(passwords, "verify_secret")
    costs = set()
    for given in ({"password": "wrong"}, {"pin": "00000000"}, {"name": "cleo"}, {"name": "nobody"}):
        before = len(hashes), shared_ldap.searches(), shared_ldap.binds()
        with pytest.raises(SigninFailed):
            await enter(desk, created, **given)
        after = len(hashes), shared_ldap.searches(), shared_ldap.binds()
        costs.add(tuple(b - a for a, b in zip(before, after, strict=True)))
    assert costs == {(1, 1, 1)}


async def test_why_it_failed_is_for_administrators_alone(desk: Desk, shared_ldap: LdapServer) -> None:
    await add(desk, active_entry(shared_ldap, domain="corp", alias="corp.test"))
    created = await invite(desk, "two_factor", "dora@corp.test")
    with pytest.raises(SigninFailed) as caught:
        await enter(desk, name="CORP\\cleo")
    assert "disabled" not in str(caught.value)
    event = await Event.filter(kind="signin.failed").order_by("-id").first()
    assert event is not None
    assert event.detail.startswith("the directory has disabled the account")
    assert event.support_code == caught.value.support_code
    assert created.invitation.email == "dora@corp.test"


# Inviting -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("CORP\\nobody", "there is nobody with this user name"),
        ("nowhere\\ben", "there is nobody with this user name"),
        ("twins@example.test", r"twin1 \(Twin1\), twin2 \(Twin2\): say which, by user name"),
        ("CORP\\same", r"same \(Same (One|Two)\), same \(Same (One|Two)\): say which"),
        ("corp/dora", "Döra Ünïcode lacks an e-mail address"),
    ],
)
async def test_who_cannot_be_invited_is_said(desk: Desk, corp: DirectoryServer, user: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        await invite(desk, "two_factor", user)


@pytest.mark.parametrize("user", ["corp/ben", "ben", "ben@corp.test", "ben@example.test"])
async def test_an_invitation_says_which_person_it_means(desk: Desk, corp: DirectoryServer, user: str) -> None:
    invitation = await Invitation.get(id=(await invite(desk, "username_password", user)).invitation.id)
    assert (invitation.display_name, invitation.email, invitation.phone) == (
        "Ben Example",
        "ben@example.test",
        "+491512345678",
    )


async def test_inviting_says_when_the_directory_is_away(desk: Desk, own_ldap: LdapServer) -> None:
    own_ldap.kill()
    with pytest.raises(Refusal, match="not available right now"):
        await invite(desk, "two_factor")
    assert await registry.domains() == ["local", "corp"]
    assert (await Counter.get_or_none(key=BUDGET)) is None
