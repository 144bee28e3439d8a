"""Whoever is disabled or deleted, here or in a directory, enrolls no Mac and renews nothing, however far they are."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from otae.accounts import browsers
from otae.directory import DirectoryPerson, rechecks, registry
from otae.directory.local import people
from otae.enrollment import ota, profiles
from otae.errors import PersonDisabled, Refusal
from otae.mdm import renewal
from otae.overview import removal
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import (
    BrowserSession,
    Challenge,
    Command,
    Enrollment,
    EnrollmentSession,
    Event,
    Person,
)
from tests.directory.files.imports import imported
from tests.directory.ldap_desk import active_entry, add, entry_for
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.phases import state
from tests.enrollment.scep_talk import failed
from tests.mdm.renewing import enrolled
from tests.mdm.talk import enroll
from tests.servers.ldap_trees import CORP, PEOPLE
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

CORP_BEN = DirectoryPerson("corp", "entry-1", "ben", "Ben Okafor", "ben@corp.test")


async def let_in(ben: Person, *, really: bool = True) -> None:
    """Let somebody in or not in our table alone, as it is when a session was opened at the same moment."""
    await Person.filter(id=ben.id).update(disabled=not really)


async def no_longer(step: Callable[[], Awaitable[object]], ben: Person) -> None:
    """See that ``step`` is refused to somebody disabled and works for them again afterwards."""
    await let_in(ben, really=False)
    with pytest.raises(PersonDisabled) as caught:
        await step()
    event = await Event.filter(support_code=caught.value.support_code, kind="refused").order_by("-id").first()
    assert event
    assert (event.code, event.person_id) == ("person-disabled", ben.id)
    await let_in(ben)


async def test_every_step_over_the_air_looks_at_the_person(desk: Desk) -> None:
    now = await database.now()
    mac, ben = LabMac(), await lab.person(now)
    session = await lab.signed_in(desk, now)
    await no_longer(lambda: ota.phase_one(desk, session, now=now), ben)
    first = lab.challenge_of(await ota.phase_one(desk, session, now=now))
    await no_longer(lambda: mac.phase_two(desk, first, now), ben)
    second = lab.challenge_of(await mac.phase_two(desk, first, now))
    await let_in(ben, really=False)
    await failed(desk, await mac.request(desk, second, of="first identity"), "person-disabled")
    await let_in(ben)
    mac.ota = await mac.identity(desk, second, now, of="first identity")
    await no_longer(lambda: mac.phase_three(desk, now), ben)
    final = await mac.phase_three(desk, now)
    await let_in(ben, really=False)
    await failed(desk, await mac.request(desk, lab.challenge_of(final)), "person-disabled")
    await let_in(ben)
    mac.mdm = await mac.identity(desk, lab.challenge_of(final), now)
    topic = str(lab.payload(lab.read_profile(final), "com.apple.mdm")["Topic"])
    await no_longer(lambda: mac.authenticate(desk, now, topic), ben)
    await mac.authenticate(desk, now, topic)
    await no_longer(lambda: mac.token_update(desk, now, topic), ben)
    await mac.token_update(desk, now, topic)
    assert (await state(session))[0] == "enrolled"


async def test_every_step_of_the_single_profile_looks_at_the_person(desk: Desk) -> None:
    now = await database.now()
    mac, ben = LabMac(), await lab.person(now)
    session = await lab.signed_in(desk, now, way="profile")
    await no_longer(lambda: profiles.single_profile(desk, session, now=now), ben)
    profile = await profiles.single_profile(desk, session, now=now)
    await let_in(ben, really=False)
    await failed(desk, await mac.request(desk, lab.challenge_of(profile)), "person-disabled")
    await let_in(ben)
    mac.mdm = await mac.identity(desk, lab.challenge_of(profile), now)
    topic = str(lab.payload(lab.read_profile(profile), "com.apple.mdm")["Topic"])
    await no_longer(lambda: mac.authenticate(desk, now, topic), ben)
    await mac.authenticate(desk, now, topic)
    await no_longer(lambda: mac.token_update(desk, now, topic), ben)


async def disable(desk: Desk, ben: Person, now: datetime) -> None:
    await people.update_person(desk, ben, disabled=True, now=now, actor="ada")


async def disable_by_file(desk: Desk, ben: Person, now: datetime) -> None:
    del ben, now
    await imported(desk, "user,disabled\nben,true", "csv")


async def delete(desk: Desk, ben: Person, now: datetime) -> None:
    await removal.remove_person(desk, ben, now=now, actor="ada")


async def disable_in_directory(desk: Desk, ben: Person, now: datetime) -> None:
    del desk
    await Person.filter(id=ben.id).update(domain="corp", directory_id=CORP_BEN.directory_id)
    await registry.save_person(replace(CORP_BEN, disabled=True), now)


@pytest.mark.parametrize("how", [disable, disable_by_file, delete, disable_in_directory])
async def test_sessions_end_at_once(desk: Desk, how: Callable[[Desk, Person, datetime], Awaitable[None]]) -> None:
    now = await database.now()
    ben = await lab.person(now)
    opened = await lab.signed_in(desk, now)
    await ota.phase_one(desk, opened, now=now)
    on_its_way, mac = await lab.signed_in(desk, now), LabMac()
    second = lab.challenge_of(
        await mac.phase_two(desk, lab.challenge_of(await ota.phase_one(desk, on_its_way, now=now)), now)
    )
    cleos = await lab.signed_in(desk, now, "cleo")
    await browsers.open_browser(browsers.PORTAL, opened, now=now)
    await how(desk, ben, now)
    assert [(await state(row))[0] for row in (opened, on_its_way, cleos)] == ["expired", "expired", "opened"]
    assert not await Challenge.filter(used_at=None, closed_at=None).exists()
    assert not await BrowserSession.exists()
    assert (await Event.filter(kind="session.expired").first()) is not None
    reply = await mac.request(desk, second)
    await failed(desk, reply, "invitation-revoked" if how is delete else "person-disabled")
    assert not await Enrollment.exists()


async def test_a_mac_of_somebody_disabled_gets_no_new_certificate(desk: Desk) -> None:
    macs = await enrolled(desk)
    ben, mac, soon = await lab.person(macs.soon), macs.mac, macs.soon
    await let_in(ben, really=False)
    assert await renewal.renew_due(desk, now=soon) == 0
    await let_in(ben)
    assert await renewal.renew_due(desk, now=soon) == 1
    await let_in(ben, really=False)
    assert await macs.put(soon) == b"", "the command waits"
    assert (await Command.get()).status == "queued"
    await let_in(ben)
    _, _, challenge = await macs.fetch(soon)
    await let_in(ben, really=False)
    await failed(desk, await mac.request(desk, challenge, of="renewed identity"), "person-disabled")
    await let_in(ben)
    new = await mac.identity(desk, challenge, soon, of="renewed identity")
    pinned = (await Enrollment.get()).certificate_id
    await no_longer(lambda: mac.authenticate(desk, soon, macs.topic, by=new), ben)
    assert (await Enrollment.get()).certificate_id == pinned
    await mac.authenticate(desk, soon, macs.topic, by=new)
    assert (await Enrollment.get()).previous_certificate_id == pinned


@pytest.fixture
async def corps(sqlite_desk: Desk, ldap_server: LdapServer, tmp_path: Path) -> Desk:
    """Set up a directory on a server that the test may break; what databases differ in is shown above."""
    desk = lab.with_lab_maker(sqlite_desk, tmp_path)
    await add(desk, entry_for(ldap_server, timeout=1))
    return desk


async def of_corp(desk: Desk, now: datetime, domain: str = "CORP") -> EnrollmentSession:
    found = await registry.find(desk, f"{domain}\\ben")
    assert found is not None
    await registry.save_person(found, now)
    return await lab.signed_in(desk, now)


@pytest.mark.parametrize("change", ["replace: userAccountControl\nuserAccountControl: 514", ""])
async def test_what_a_directory_did_meanwhile_counts(corps: Desk, ldap_server: LdapServer, change: str) -> None:
    now = await database.now()
    await add(corps, active_entry(ldap_server, timeout=1))
    session, mac = await of_corp(corps, now, "AD"), LabMac()
    challenge = lab.challenge_of(await ota.phase_one(corps, session, now=now))
    second = await lab.signed_in(corps, now)
    how = f"changetype: modify\n{change}" if change else "changetype: delete"
    ldap_server.change(f"dn: cn=Ben,ou=staff,{CORP}\n{how}\n", CORP)
    with pytest.raises(PersonDisabled):
        await mac.phase_two(corps, challenge, now)
    assert [(await state(row))[0] for row in (session, second)] == ["expired", "expired"]


async def test_the_clock_ends_the_sessions_of_whom_a_directory_no_longer_has(
    corps: Desk, ldap_server: LdapServer
) -> None:
    now = await database.now()
    session = await of_corp(corps, now)
    await rechecks.recheck_open_sign_ins(corps, now=now)
    assert (await state(session))[0] == "opened"
    ldap_server.change(f"dn: uid=ben,{PEOPLE}\nchangetype: delete\n")
    await rechecks.recheck_open_sign_ins(corps, now=now)
    assert (await state(session))[0] == "expired"
    assert (await Event.filter(kind="session.expired").get()).detail == rechecks.GONE


async def test_a_directory_that_is_away_stops_no_mac(corps: Desk, ldap_server: LdapServer) -> None:
    now = await database.now()
    session, mac = await of_corp(corps, now), LabMac()
    challenge = lab.challenge_of(await ota.phase_one(corps, session, now=now))
    ldap_server.kill()
    await mac.phase_two(corps, challenge, now)
    assert (await state(session))[0] == "identified"
    with pytest.raises(Refusal):
        await registry.find(corps, "CORP\\ben")


@pytest.mark.parametrize("before", ["phase 3", "Authenticate"])
async def test_who_leaves_the_directory_on_the_way_enrolls_no_mac(
    corps: Desk, ldap_server: LdapServer, before: str
) -> None:
    now = await database.now()
    session, mac, topic = await of_corp(corps, now), LabMac(), ""
    first = lab.challenge_of(await ota.phase_one(corps, session, now=now))
    second = lab.challenge_of(await mac.phase_two(corps, first, now))
    mac.ota = await mac.identity(corps, second, now, of="first identity")
    if before == "Authenticate":
        final = await mac.phase_three(corps, now)
        mac.mdm = await mac.identity(corps, lab.challenge_of(final), now)
        topic = str(lab.payload(lab.read_profile(final), "com.apple.mdm")["Topic"])
    ldap_server.change(f"dn: uid=ben,{PEOPLE}\nchangetype: delete\n")
    with pytest.raises(PersonDisabled):
        await (mac.authenticate(corps, now, topic) if topic else mac.phase_three(corps, now))
    assert (await state(session))[0] == "expired"
    assert not await Enrollment.exists()


async def test_who_left_the_directory_gets_no_new_certificate_and_holds_up_nobody(
    corps: Desk, ldap_server: LdapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "_BATCH", 1)
    await of_corp(corps, await database.now())
    bens, soon = await enrolled(corps), (await database.now()) + timedelta(days=345)
    await enroll(corps, LabMac(udid="5C0D5B0E-1A5E-4B0C-8F0E-7D1C0D9E8F7A", serial="C02LAB0CLEO"), "cleo")
    queued = [await renewal.renew_due(corps, now=soon) for _ in range(3)]
    assert queued == [1, 1, 0]
    ldap_server.change(f"dn: uid=ben,{PEOPLE}\nchangetype: delete\n")
    assert await bens.put(soon) == b"", "the command waits"
    await Command.all().delete()
    assert [await renewal.renew_due(corps, now=soon) for _ in range(2)] == [1, 0]
    waiting = await Command.get().prefetch_related("enrollment__person")
    assert waiting.enrollment.person.name == "cleo"
