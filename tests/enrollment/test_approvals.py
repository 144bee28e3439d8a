"""Approval: who is asked, what waits for the decision, who may decide, and that there is one decision."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from structlog.contextvars import get_contextvars

from otae.delivery import catcher
from otae.delivery.queue import outbox
from otae.directory.reach import Reach
from otae.enrollment import approvals, ota, profiles, sessions
from otae.enrollment.approvals import HOLDS, Approver
from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import ApprovalDeclined, ApprovalMissing, ApprovalOwn, ApprovalUnknown, NotAllowed, StaleState
from otae.invitations import lifecycle, mode_values
from otae.invitations.mode_values import ModeValues
from otae.invitations.modes import known_mode
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import (
    Administrator,
    Approval,
    AuditEntry,
    Delivery,
    EnrollmentSession,
    Event,
    Invitation,
    Person,
)
from otae.store.passwords import hash_token
from otae.store.states import ApprovalStatus
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.scep_talk import Asked, ask, issued
from tests.invitations.guests import PASSWORD, add_person, invite

pytestmark = pytest.mark.anyio

ADA = Approver("ada", "ada@example.test")
MODE = "username_password"


async def needed(by: str = "administrator", mode: str = MODE) -> datetime:
    """Let the mode need an approval, and give the time."""
    now = await database.now()
    await mode_values.set_values(mode, ModeValues(approval=by), now=now, actor="ada")
    return now


async def add_administrator(now: datetime, name: str = "ada", **columns: object) -> Administrator:
    row = Administrator(name=name, email=f"{name}@example.test", password_hash="x", created_at=now)
    await row.update_from_dict(columns).save(force_create=True)
    return row


async def signed_in(desk: Desk, invitation: Invitation | None = None) -> EnrollmentSession:
    """Let Ben sign in at the login page, or through his link."""
    entry = SignInEntry("ben", PASSWORD, invitation=invitation, network="203.0.113.9")
    return await sign_in(desk, entry, now=await database.now())


async def approve(desk: Desk, now: datetime, to: ApprovalStatus = ApprovalStatus.APPROVED) -> Approval:
    row = await Approval.all().order_by("-asked_at", "-number").first()
    assert row is not None
    await approvals.decide(desk, row, to, ADA, now=now)
    return row


async def no_longer(step: Callable[[], Awaitable[object]], row: Approval) -> None:
    """See that ``step`` is refused while nobody approves, or somebody declined, and works afterwards."""
    for status, refusal in (("waiting", ApprovalMissing), ("declined", ApprovalDeclined)):
        await Approval.filter(id=row.id).update(status=status)
        with pytest.raises(refusal) as caught:
            await step()
        assert await Event.exists(support_code=caught.value.support_code, kind="refused", code=refusal.code)
    await Approval.filter(id=row.id).update(status="approved")


async def failed(desk: Desk, asked: Asked, code: str) -> None:
    """Ask for a certificate, which must be refused."""
    before = await issued()
    assert (await ask(desk, asked)).status == "failure"
    assert (get_contextvars()["refusal"], await issued()) == (code, before)


async def asked_for(desk: Desk, way: str) -> tuple[EnrollmentSession, Approval, datetime]:
    now = await needed()
    session = await lab.signed_in(desk, now, way=way)
    invitation, mode = await Invitation.get(id=session.invitation_id), await known_mode(MODE)
    await approvals.ask(desk, invitation, await lab.person(now), mode, now=now)
    return session, await approve(desk, now), now


async def test_every_step_over_the_air_waits_for_the_approval(desk: Desk) -> None:
    session, row, now = await asked_for(desk, "ota")
    mac = LabMac()
    await no_longer(lambda: ota.phase_one(desk, session, now=now), row)
    first = lab.challenge_of(await ota.phase_one(desk, session, now=now))
    await no_longer(lambda: mac.phase_two(desk, first, now), row)
    second = lab.challenge_of(await mac.phase_two(desk, first, now))
    await Approval.filter(id=row.id).update(status="waiting")
    await failed(desk, await mac.request(desk, second, of="first identity"), "approval-missing")
    await Approval.filter(id=row.id).update(status="approved")
    mac.ota = await mac.identity(desk, second, now, of="first identity")
    await no_longer(lambda: mac.phase_three(desk, now), row)
    final = await mac.phase_three(desk, now)
    await Approval.filter(id=row.id).update(status="declined")
    await failed(desk, await mac.request(desk, lab.challenge_of(final)), "approval-declined")
    await Approval.filter(id=row.id).update(status="approved")
    mac.mdm = await mac.identity(desk, lab.challenge_of(final), now)
    topic = str(lab.payload(lab.read_profile(final), "com.apple.mdm")["Topic"])
    await no_longer(lambda: mac.authenticate(desk, now, topic), row)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    assert (await EnrollmentSession.get(id=session.id)).status == "enrolled"


async def test_every_step_of_the_single_profile_waits_for_the_approval(desk: Desk) -> None:
    session, row, now = await asked_for(desk, "profile")
    mac = LabMac()
    await no_longer(lambda: profiles.single_profile(desk, session, now=now), row)
    profile = await profiles.single_profile(desk, session, now=now)
    await Approval.filter(id=row.id).update(status="waiting")
    await failed(desk, await mac.request(desk, lab.challenge_of(profile)), "approval-missing")
    await Approval.filter(id=row.id).update(status="approved")
    mac.mdm = await mac.identity(desk, lab.challenge_of(profile), now)
    topic = str(lab.payload(lab.read_profile(profile), "com.apple.mdm")["Topic"])
    await Approval.filter(id=row.id).update(status="declined")
    with pytest.raises(ApprovalDeclined):
        await mac.authenticate(desk, now, topic)
    assert (await EnrollmentSession.get(id=session.id)).status == "refused", "its Mac has broken the rule"


async def test_a_session_from_before_the_mode_asked_for_approval_goes_no_further(desk: Desk) -> None:
    session = await lab.signed_in(desk, await database.now())
    alone = await sessions.open_session(
        person=await lab.person(session.opened_at),
        invitation=None,
        mode=MODE,
        ownership="employee",
        now=session.opened_at,
    )
    now = await needed()
    for each in (session, alone):
        with pytest.raises(ApprovalMissing):
            await sessions.check_live(each, now=now)
    await mode_values.set_values(MODE, ModeValues(approval="none"), now=now, actor="ada")
    await sessions.check_live(alone, now=now)


async def test_a_rehearsal_needs_no_approval(desk: Desk) -> None:
    now = await needed()
    session = await lab.signed_in(desk, now, columns={"rehearsal": True})
    invitation = await Invitation.get(id=session.invitation_id)
    await approvals.ask(desk, invitation, await lab.person(now), await known_mode(MODE), now=now)
    await sessions.check_live(session, now=now)
    assert not await Approval.exists()


async def test_an_approval_holds_a_day_at_most_and_never_beyond_the_invitation(desk: Desk) -> None:
    await add_person(desk)
    now = await needed()
    invited = (await invite(desk, MODE)).invitation
    session = await signed_in(desk, invitation=invited)
    row = await approve(desk, now)
    assert row.ends_at == now + HOLDS
    await approvals.check(session, now=now + HOLDS - timedelta(seconds=1))
    with pytest.raises(ApprovalMissing):
        await approvals.check(session, now=now + HOLDS)
    await Invitation.filter(id=invited.id).update(valid_until=now + timedelta(hours=2))
    with pytest.raises(ApprovalMissing):
        await approvals.check(session, now=now + timedelta(hours=2))
    await approvals.decide(desk, row, ApprovalStatus.DECLINED, ADA, now=now)
    await approvals.decide(desk, row, ApprovalStatus.APPROVED, ADA, now=now)
    assert row.ends_at == now + timedelta(hours=2)


async def test_a_later_sign_in_asks_again_only_when_the_approval_is_over(desk: Desk) -> None:
    await add_person(desk)
    now = await needed()
    invited = (await invite(desk, MODE)).invitation
    await signed_in(desk, invitation=invited)
    await signed_in(desk, invitation=invited)
    assert await Approval.all().count() == 1, "it waits"
    row = await approve(desk, now)
    await signed_in(desk, invitation=invited)
    assert await Approval.all().count() == 1, "it holds"
    await Approval.filter(id=row.id).update(ends_at=now)
    session = await signed_in(desk, invitation=invited)
    assert [each.number for each in await Approval.filter(status="waiting")] == [2]
    with pytest.raises(ApprovalMissing):
        await sessions.check_live(session, now=now)


async def test_sending_again_keeps_the_decision_and_asks_nobody(desk: Desk) -> None:
    await add_person(desk)
    now = await needed()
    invited = (await invite(desk, MODE)).invitation
    await signed_in(desk, invitation=invited)
    row = await approve(desk, now)
    again = await lifecycle.resend(desk, await Invitation.get(id=invited.id), now=now, actor="ada")
    session = await signed_in(desk, invitation=again.invitation)
    await sessions.check_live(session, now=now)
    assert await Approval.all().count() == 1
    await approvals.decide(desk, row, ApprovalStatus.DECLINED, ADA, now=now)
    await lifecycle.resend(desk, await Invitation.get(id=invited.id), now=now, actor="ada")
    session = await signed_in(desk, invitation=await Invitation.get(id=invited.id))
    with pytest.raises(ApprovalDeclined):
        await sessions.check_live(session, now=now)


async def test_whoever_starts_without_an_invitation_gets_one_that_waits(desk: Desk) -> None:
    ben = await add_person(desk)
    now = await needed()
    await add_administrator(now)
    opened = await asyncio.gather(*(signed_in(desk) for _ in range(3)))
    invitation = await Invitation.get()
    assert (invitation.person_id, invitation.send, invitation.created_by) == (ben.id, False, "portal")
    assert {each.invitation_id for each in opened} == {invitation.id}
    assert await Approval.all().count() == 1
    await approve(desk, now)
    session = await signed_in(desk)
    await ota.phase_one(desk, session, now=now)
    await lifecycle.redeem(invitation, now=now)
    waits = await signed_in(desk)
    assert waits.invitation_id != invitation.id, "one approval, one Mac"
    with pytest.raises(ApprovalMissing):
        await sessions.check_live(waits, now=now)


async def test_one_of_many_decisions_counts(desk: Desk) -> None:
    await add_person(desk)
    now = await needed()
    await signed_in(desk)
    seen = [await Approval.get() for _ in range(6)]
    ends = [ApprovalStatus.APPROVED, ApprovalStatus.DECLINED] * 3
    made = await asyncio.gather(
        *(approvals.decide(desk, row, to, ADA, now=now) for row, to in zip(seen, ends, strict=True)),
        return_exceptions=True,
    )
    assert sum(each is None for each in made) == 1
    assert all(each is None or isinstance(each, StaleState) for each in made)
    row = await Approval.get()
    assert (await Event.get(kind__startswith="approval.", kind__not="approval.asked")).kind == f"approval.{row.status}"
    assert await AuditEntry.filter(action__startswith="approval.").count() == 1
    assert await Delivery.filter(kind="approved").count() == (row.status == "approved")


async def test_who_may_approve_is_mailed_and_then_the_person(desk: Desk) -> None:
    ben = await add_person(desk)
    now = await needed()
    await add_administrator(now)
    await add_administrator(now, "support", role="SUPPORT")
    await add_administrator(now, "gone", disabled=True)
    await add_administrator(now, "ben", email="BEN@example.test")
    await add_administrator(now, "silent", email=None)
    await signed_in(desk)
    assert [each.recipient for each in await Delivery.filter(kind="approval")] == ["ada@example.test"]
    assert (await Event.get(kind="approval.asked")).detail == "an administrator"
    await send_all(desk)
    assert "/admin/approvals" in await last_mail(desk)
    await approve(desk, now)
    delivery = await Delivery.get(kind="approved")
    assert delivery.recipient == ben.email
    await send_all(desk)
    mail = await last_mail(desk)
    assert "/zdm/macos/otae/login" in mail
    assert "ep-" not in mail, "a link that was never mailed"


@pytest.mark.parametrize(
    ("mode", "invited_only", "leads_to"),
    [
        ("username_password", False, "/zdm/macos/otae/login"),
        ("username_password", True, "/go"),
        ("two_factor", True, "/go"),
        ("high_security", False, "/go"),
    ],
)
async def test_whoever_was_given_the_link_by_hand_is_led_where_that_or_a_code_works(
    desk: Desk, mode: str, invited_only: bool, leads_to: str
) -> None:
    now = await needed(mode=mode)
    made = await invite(desk, mode, send=False)
    await properties.write("macos.otae.enable", "false" if invited_only else "true")
    await approvals.ask(desk, made.invitation, made.invitation.person, await known_mode(mode), now=now)
    await approve(desk, now)
    await send_all(desk)
    mail = await last_mail(desk)
    assert "if somebody gave you a link, use that one; if a code, ask for another" in " ".join(mail.split())
    assert f"{desk.settings.public_url}{leads_to}" in mail.split()
    assert "ep-" not in mail, "a link that was never mailed"


async def test_the_support_contact_is_mailed_when_no_administrator_has_an_address(desk: Desk) -> None:
    await add_person(desk)
    await needed()
    await properties.write("support.contact", "help@example.test")
    await signed_in(desk)
    assert (await Delivery.get(kind="approval")).recipient == "help@example.test"


async def test_a_mail_about_what_was_decided_already_is_not_sent(desk: Desk) -> None:
    await add_person(desk)
    now = await needed()
    await add_administrator(now)
    await signed_in(desk)
    row = await approve(desk, now)
    await approvals.decide(desk, row, ApprovalStatus.DECLINED, ADA, now=now)
    await send_all(desk)
    assert {each.status for each in await Delivery.all()} == {"cancelled"}


async def test_a_manager_is_asked_with_a_link_that_decides_once(desk: Desk) -> None:
    ben = await add_person(desk)
    await add_person(desk, "mia")
    await Person.filter(id=ben.id).update(properties={"manager": "mia"})
    now = await needed("manager")
    await signed_in(desk)
    await send_all(desk)
    token = (await last_mail(desk)).partition("/approve/enrollment?a=")[2].split()[0]
    row = await approvals.find_by_link(token, now=now)
    assert len(token) >= 22, "128 bits"
    assert row.token_hash == hash_token(token)
    assert token.encode() not in (row.token_sealed or b"")
    assert row.manager_mail == "mia@example.test"
    await approvals.decide(desk, row, ApprovalStatus.APPROVED, approvals.manager_of(row), now=now)
    assert (await Approval.get()).token_sealed is None
    assert (await AuditEntry.get(action="approval.approved")).actor == "manager"
    for wrong in (token, "", "x" * 22):
        with pytest.raises(ApprovalUnknown):
            await approvals.find_by_link(wrong, now=now)


async def test_the_managers_link_ends_with_the_invitation(desk: Desk) -> None:
    ben = await add_person(desk)
    await Person.filter(id=ben.id).update(properties={"manager": "boss@example.test"})
    now = await needed("manager")
    await signed_in(desk)
    await send_all(desk)
    token = (await last_mail(desk)).partition("/approve/enrollment?a=")[2].split()[0]
    await approvals.find_by_link(token, now=now)
    with pytest.raises(ApprovalUnknown):
        await approvals.find_by_link(token, now=now + 2 * approvals.REQUEST_WAITS)
    await lifecycle.revoke(desk, await Invitation.get(), now=now, actor="ada")
    with pytest.raises(ApprovalUnknown):
        await approvals.find_by_link(token, now=now)


@pytest.mark.parametrize(
    ("named", "remark"),
    [
        ("", "no manager is known"),
        ("nobody", "the manager was not found"),
        ("cn=mia,dc=example", "the manager was not found"),
        ("ben", "the person is their own manager"),
        ("BEN@example.test", "the person is their own manager"),
        ("mute", "the manager has no mail address"),
    ],
)
async def test_without_a_manager_administrators_are_asked_and_the_timeline_says_so(
    desk: Desk, named: str, remark: str
) -> None:
    ben = await add_person(desk)
    mute = await add_person(desk, "mute")
    await Person.filter(id=mute.id).update(email=None)
    await Person.filter(id=ben.id).update(properties={"manager": named})
    now = await needed("manager")
    await add_administrator(now)
    await signed_in(desk)
    row = await Approval.get()
    assert (row.asked, row.remark, row.token_hash) == ("administrator", remark, None)
    assert (await Event.get(kind="approval.asked")).detail == f"an administrator ({remark})"
    assert (await Delivery.get(kind="approval")).recipient == "ada@example.test"


@pytest.mark.parametrize(
    "own",
    [
        Approver("x", mail="BEN@example.test"),
        Approver("x", mail="invited@example.test"),
        Approver("x", domain="corp", directory_id="entry-1"),
        Approver("Ben", domain="corp", name="Ben"),
    ],
)
async def test_nobody_decides_on_their_own_enrollment(desk: Desk, own: Approver) -> None:
    ben = await add_person(desk)
    now = await needed()
    await signed_in(desk)
    await Person.filter(id=ben.id).update(domain="corp", directory_id="entry-1")
    await Invitation.all().update(email="invited@example.test")
    for to in (ApprovalStatus.APPROVED, ApprovalStatus.DECLINED):
        with pytest.raises(ApprovalOwn):
            await approvals.decide(desk, await Approval.get(), to, own, now=now)
    assert (await Approval.get()).status == "waiting"


async def test_what_has_ended_is_not_approved(desk: Desk) -> None:
    await add_person(desk)
    now = await needed()
    await signed_in(desk)
    await lifecycle.revoke(desk, await Invitation.get(), now=now, actor="ada")
    with pytest.raises(NotAllowed):
        await approve(desk, now)
    assert not await approvals.waiting(now=now)


async def test_only_requests_of_people_in_reach_are_listed(desk: Desk) -> None:
    await add_person(desk)
    now = await needed()
    await signed_in(desk)
    assert [row.number for row in await approvals.waiting(now=now)] == [1]
    assert not await approvals.waiting(now=now, reach=Reach(frozenset()))
    assert not await approvals.waiting(now=now + 2 * approvals.REQUEST_WAITS)


async def send_all(desk: Desk) -> None:
    now = await database.now()
    for delivery_id in await outbox.sweep(now):
        await outbox.deliver(desk, delivery_id, now=now)


async def last_mail(desk: Desk) -> str:
    """Give the text of the mail that was sent last."""
    row = (await catcher.list_caught(limit=1))[0]
    body = (await catcher.open_caught(desk, row.id)).get_body(("plain",))
    assert body is not None
    return str(body.get_content())
