"""Lists of serial numbers, ownership and number of Macs: each asked at the first door that knows, and at the last."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import InputRefused, NotAllowed, OwnershipRefused, SerialRefused, SerialUnlisted, TooManyMacs
from otae.invitations import mac_rules, serial_lists
from otae.invitations.serial_lists import COMPANY, REFUSED
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Device, Enrollment, EnrollmentSession, Event, GroupInvitee, Invitation
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.phases import enrolled, refused, started, state
from tests.invitations.crowds import crowd, looked_up, matched, stored, work
from tests.invitations.guests import PASSWORD, add_person, invite

pytestmark = pytest.mark.anyio

MAC = "C02LAB00BEN"


@pytest.fixture
def desk(desk: Desk, tmp_path: Path) -> Desk:
    """Let the desk accept the laboratory's Macs."""
    return lab.with_lab_maker(desk, tmp_path)


async def listed(kind: str, *serials: str) -> None:
    await serial_lists.add(kind, list(enumerate(serials, 1)), note="", now=await database.now(), actor="ada")


@pytest.fixture(params=["ota", "profile"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def signs_in(desk: Desk, invitation: Invitation | None = None) -> EnrollmentSession:
    """Sign Ben in, with the link of an invitation if one is given."""
    entry = SignInEntry("ben", PASSWORD, invitation=invitation, network="192.0.2.1")
    return await sign_in(desk, entry, now=await database.now())


async def answers(desk: Desk, way: str, ownership: str) -> tuple[str, str]:
    """Let a Mac go until it has checked in; return the session's status and the code of the refusal."""
    now = await database.now()
    session = await lab.signed_in(desk, now, way=way, columns={"ownership": ownership})
    mac = LabMac(serial=MAC.lower())
    with suppress(NotAllowed):
        topic = await (mac.install_over_the_air if way == "ota" else mac.install_profile)(desk, session, now)
        await mac.authenticate(desk, now, topic)
        await mac.token_update(desk, now, topic)
    row = await EnrollmentSession.get(id=session.id)
    assert await Enrollment.filter(status="enrolled").count() == (0 if row.refusal else 1)
    return row.status, row.refusal or ""


@pytest.mark.parametrize(
    ("rule", "ownership", "on", "code"),
    [
        ("none", "corporate", None, ""),
        ("none", "employee", REFUSED, "serial-refused"),
        ("corporate", "corporate", None, "serial-unlisted"),
        ("corporate", "corporate", COMPANY, ""),
        ("corporate", "employee", None, ""),
        ("corporate", "corporate", REFUSED, "serial-refused"),
        ("all", "employee", None, "serial-unlisted"),
        ("all", "employee", COMPANY, ""),
    ],
)
async def test_the_lists_decide_when_the_mac_names_its_serial_number(
    desk: Desk, way: str, rule: str, ownership: str, on: str | None, code: str
) -> None:
    await properties.write("macos.company.serials", rule)
    if on:
        await listed(on, MAC)
    assert await answers(desk, way, ownership) == (("refused", code) if code else ("enrolled", ""))


async def test_a_mac_without_a_serial_number_is_none_of_the_organization(desk: Desk) -> None:
    await properties.write("macos.company.serials", "all")
    session, challenge = await started(desk)
    mac = LabMac(serial="")
    refusal = await refused(desk, mac.post(mac.attributes(challenge)), SerialUnlisted)
    assert "no serial number" in refusal.detail
    assert (await state(session))[0] == "refused"


async def test_another_mac_that_breaks_the_rule_does_not_end_the_session(desk: Desk) -> None:
    await listed(REFUSED, "C02LAB00EVE")
    session, challenge = await started(desk)
    now = await database.now()
    await LabMac(serial=MAC).phase_two(desk, challenge, now)
    thief = LabMac(udid="564D4B6E-0A3C-4F1D-9E7A-2B1C0D9E8F70", serial="C02LAB00EVE")
    with pytest.raises(NotAllowed):
        await thief.phase_two(desk, challenge, now)
    assert (await state(session))[0] == "identified"


async def test_a_mac_that_is_enrolled_stays_when_it_is_refused_later(desk: Desk) -> None:
    now = await database.now()
    session, mac = await lab.signed_in(desk, now), LabMac(serial=MAC)
    topic = await mac.install_over_the_air(desk, session, now)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    await listed(REFUSED, MAC)
    assert (await mac.token_update(desk, now, topic)).status == 200
    assert await Enrollment.filter(status="enrolled").count() == 1


async def test_nobody_is_invited_or_signs_in_against_the_rules(desk: Desk) -> None:
    created = await invite(desk, "username_password", ownership="employee")
    await properties.write("enrollment.employee", "false")
    await listed(REFUSED, "C02XK0AAAJG5")
    with pytest.raises(InputRefused) as caught:
        await invite(desk, "username_password", ownership="employee", serial="c02xk0aaajg5")
    assert caught.value.fields.keys() == {"ownership", "serial"}
    with pytest.raises(OwnershipRefused) as refusal:
        await signs_in(desk, created.invitation)
    assert refusal.value.support_code
    assert await Event.filter(invitation_id=created.invitation.id, code="employee-owned").exists()
    assert not await EnrollmentSession.exists()
    await Invitation.all().update(status="revoked")
    with pytest.raises(OwnershipRefused):  # who starts without an invitation has a Mac of their own
        await signs_in(desk)
    await properties.write("enrollment.selfstart.ownership", "corporate")
    assert (await signs_in(desk)).ownership == "corporate"


async def test_one_who_has_as_many_macs_as_allowed_gets_another_one_only_in_place_of_theirs(desk: Desk) -> None:
    waiting = await invite(desk, "username_password")
    await enrolled(LabMac(serial=MAC), "ben")
    await properties.write("enrollment.macs", "1")
    with pytest.raises(InputRefused) as caught:
        await invite(desk, "username_password")
    assert "as many Macs" in str(caught.value.fields["recipient"])
    with pytest.raises(TooManyMacs):
        await signs_in(desk, waiting.invitation)
    again = await invite(desk, "username_password", serial=MAC.lower())
    assert (await signs_in(desk, again.invitation)).status == "opened"
    await Enrollment.all().update(status="unenrolled")
    assert (await signs_in(desk, waiting.invitation)).status == "opened"


async def test_of_two_macs_that_enroll_at_the_same_moment_one_is_too_many(desk: Desk) -> None:
    await properties.write("enrollment.macs", "1")
    now, ready = await database.now(), []
    for number in range(4):
        mac = LabMac(udid=f"564D4B6E-0A3C-4F1D-9E7A-2B1C0D9E8F7{number}", serial=f"C02LAB0000{number}")
        topic = await mac.install_over_the_air(desk, await lab.signed_in(desk, now), now)
        await mac.authenticate(desk, now, topic)
        ready.append((mac, topic))
    ends = await asyncio.gather(*(mac.token_update(desk, now, topic) for mac, topic in ready), return_exceptions=True)
    assert sorted(type(each).__name__ for each in ends) == ["Reply", "TooManyMacs", "TooManyMacs", "TooManyMacs"]
    assert await Enrollment.filter(status="enrolled").count() == 1
    assert await EnrollmentSession.filter(refusal="too-many-macs").count() == 3
    same, topic = next(each for each, end in zip(ready, ends, strict=True) if not isinstance(end, Exception))
    session = await lab.signed_in(desk, now)  # erased, and enrolled once more
    topic = await same.install_over_the_air(desk, session, now)
    await same.authenticate(desk, now, topic)
    await same.token_update(desk, now, topic)
    assert (await state(session))[0] == "enrolled"
    assert await Device.filter(status="enrolled").count() == 1


async def test_a_group_leaves_out_who_has_enough_and_a_file_what_is_refused(desk: Desk) -> None:
    people = await crowd(6)
    await enrolled(LabMac(), "p0001")
    await properties.write("enrollment.macs", "1")
    row = await looked_up(desk, include_enrolled=True)
    why = dict(await GroupInvitee.filter(group_invitation_id=row.id).values_list("name", "reason"))
    assert why == {"p0001": "too-many-macs"} | {each.name: "" for each in people[1:]}
    await properties.write("enrollment.employee", "false")
    await properties.write("macos.company.serials", "corporate")
    await listed(REFUSED, "C02XK0AAAJG5")
    await listed(COMPANY, "C02XK0AAAJG6")
    lines = "user,serial,owner\np0002,C02XK0AAAJG5,\np0003,c02xk0aaajg6,\np0004,C02XK0AAAJG7,\np0005,,own\np0006,,\n"
    file = await work(desk, await matched(desk, await stored(desk, lines.replace("own\n", "employee\n").encode())))
    told = dict(await GroupInvitee.filter(group_invitation_id=file.id).values_list("name", "reason"))
    assert told == {
        "p0002": "serial-refused",
        "p0003": "",
        "p0004": "serial-unlisted",
        "p0005": "employee",
        "p0006": "",
    }


async def test_rules_that_are_off_ask_nothing_of_anybody(desk: Desk) -> None:
    await mac_rules.check_ownership("employee")
    await mac_rules.check_number((await add_person(desk, "ben")).id)
    await listed(REFUSED, MAC)
    with pytest.raises(SerialRefused):
        await mac_rules.check_serial("corporate", f" {MAC.lower()} ")
