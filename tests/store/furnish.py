"""An installation in full use: at least one row in every table that a backup holds, and Ben in the middle of it."""

import hashlib
import io
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from otae.accounts import administrators
from otae.enrollment import sessions, signin
from otae.enrollment.signin import SignInEntry
from otae.invitations.lifecycle import Created
from otae.store import backup, database, failure_counters, jobs, rollout
from otae.store.desk import Desk
from otae.store.models import (
    Administrator,
    Approval,
    BrowserSession,
    Campaign,
    CampaignDay,
    CarrierGateway,
    CaughtMail,
    Certificate,
    Command,
    Device,
    DirectoryServer,
    Enrollment,
    EnrollmentSession,
    Group,
    GroupInvitation,
    GroupInvitee,
    Heartbeat,
    ListedSerial,
    Logo,
    Membership,
    ModePolicy,
    NoticeChoice,
    NotificationServer,
    NotificationTemplate,
    Passkey,
    PasswordLink,
    PeopleImport,
    PeopleImportLine,
    Person,
    PortalText,
    Property,
    RecoveryCode,
    Role,
    RoleAssignment,
    ServerRefusal,
    TemplateTranslation,
    UserChannel,
)
from otae.store.tables import tables
from tests.invitations.guests import PASSWORD, invite


@dataclass
class House:
    """What tests come back to: two invitations with their PINs, a sign-in with its challenge, a setup link, a job."""

    waiting: Created
    begun: Created
    session: EnrollmentSession
    challenge: str
    setup_link: str
    job: object


async def furnish(desk: Desk) -> House:
    """Fill every table."""
    now = await database.now()
    begun = await invite(desk, "two_factor")
    await rollout.count_entries()  # those of the steps that follow stay in the log
    waiting = await invite(desk, "username_pin", user="cleo")
    entry = SignInEntry(
        name="ben", password=PASSWORD, pin=begun.pin or "", network="203.0.113.9", invitation=begun.invitation
    )
    session = await signin.sign_in(desk, entry, now=now)
    challenge = await sessions.mint_challenge(session, "ota", now=now, expires_at=now + timedelta(hours=1))
    await administrators.create_administrator(desk, name="ada", password="four quiet words here", now=now, actor="ada")
    await NoticeChoice(administrator=await Administrator.get(name="ada"), choices={"silent": "off"}).save()
    link = await administrators.new_setup_link(desk, now=now, name="eve")
    job = await jobs.enqueue("rehearsal", {"mode": "two_factor"}, created_by="ada", now=now)
    await failure_counters.count("a counter", failure_counters.Limit(5, timedelta(hours=1)), now)
    await Property(name="identity.days", value="200").save(force_create=True)
    await _people_and_servers(desk)
    await _mac(desk)
    await _group_invitation(begun)
    await _settings(desk)
    await Heartbeat(name="worker 1", role="worker", at=now).save(force_create=True)
    expires = now + timedelta(hours=1)
    browser = BrowserSession(secret_hash="ab" * 32, kind="portal", session=session, created_at=now, seen_at=now)
    browser.expires_at = expires
    await browser.save()
    asked = Approval(invitation=begun.invitation, number=1, asked="manager", asked_at=now, token_hash="ef" * 32)
    asked.token_sealed = desk.vault.seal(b"a manager's link", asked.id, "approval.token")
    await asked.save(force_create=True)
    return House(waiting, begun, session, challenge, link, job.id)


async def _people_and_servers(desk: Desk) -> None:
    now, group = await database.now(), Group(name="sales")
    await group.save()
    ben = await Person.get(name="ben")
    await Membership(group=group, person=ben).save()
    order = GroupInvitation(key="sales, autumn", name="sales", mode="two_factor", ownership="corporate")
    order.status, order.created_by, order.created_at = "done", "ada", now
    await order.save(force_create=True)
    await GroupInvitee(
        group_invitation=order, number=1, person=ben, name="ben", status="skipped", reason="pending"
    ).save()
    server = NotificationServer(
        name="example",
        host="mail.example.test",
        from_name="Größe & <Co>",
        from_email="it@example.test",
        created_at=now,
    )
    server.password_sealed = desk.vault.seal(b"server secret", server.id, "notification-server.password")
    await server.save(force_create=True)
    refusal = ServerRefusal(server=server, domain="", likeness="553", words="553 sender refused", since=now, at=now)
    await refusal.save(force_create=True)
    mail = CaughtMail(recipient="ben@example.test", subject="Your Mac", caught_at=now)
    mail.message_sealed = desk.vault.seal(bytes(range(256)) * 1000, mail.id, "caught-mail.message")
    await mail.save(force_create=True)


async def _settings(desk: Desk) -> None:
    """Ways for text messages, a translation, a policy, a directory, a role, and a link for Ben's password."""
    now = await database.now()
    await CarrierGateway(name="Example Mobile", domain="sms.example.test", country_code="49").save(force_create=True)
    listed = {"serial": "C02XK0AAAJG5", "kind": "refused", "note": "lost", "created_by": "ada", "created_at": now}
    await ListedSerial(key="c02xk0aaajg5", **listed).save(force_create=True)
    template = await NotificationTemplate.filter(kind="url").first()
    await TemplateTranslation(template=template, language="de", subject="Ihr Mac", text="…", html="<p>…</p>").save()
    await ModePolicy(mode="high_security", pin_channel="sms", options={"max_tries": 5}).save(force_create=True)
    directory = DirectoryServer(domain="corp", kind="ldap", primary_host="ldap.example.test", created_at=now)
    directory.user_base, directory.group_base = "ou=people,dc=example,dc=test", "ou=groups,dc=example,dc=test"
    directory.bind_password_sealed = desk.vault.seal(b"bind secret", directory.id, "directory.password")
    await directory.save(force_create=True)
    text = PortalText(kind="help", language="de", version=1, text="Fragen: 100", sha256="ef" * 32, created_at=now)
    text.created_by = "ada"
    await text.save(force_create=True)
    await Logo(theme="light", image=bytes(range(256)), sha256="ab" * 32, width=120, height=32).save(force_create=True)
    await Role(name="HELPDESK", permissions=["invitation.see"], groups=["local/sales"], created_at=now).save()
    await RoleAssignment(group="corp/helpdesk", role="HELPDESK", created_at=now).save()
    fay = Administrator(name="fay", password_hash="", created_at=now, totp_step=1, second_factor_at=now)
    fay.totp_sealed = desk.vault.seal(b"key", fay.id, "administrator.totp")
    await fay.save(force_create=True)
    await RecoveryCode(administrator=fay, code_hash="ef" * 32).save(force_create=True)
    key = Passkey(administrator=fay, name="a key", credential_hash="01" * 32, credential_id="AQ", created_at=now)
    key.public_key, key.sign_count = bytes(range(256)), 7
    await key.save(force_create=True)
    ben = await Person.get(name="ben")
    await PasswordLink(token_hash="cd" * 32, person=ben, expires_at=now + timedelta(hours=1)).save(force_create=True)
    brought = PeopleImport(kind="users", file_name="people.csv", encoding="utf-8-sig", created_by="ada", created_at=now)
    brought.file_sealed = desk.vault.seal(b"ben;a password;USER;sales", brought.id, "people-import.file")
    await brought.save(force_create=True)
    line = PeopleImportLine(people_import=brought, number=1, name="ben", given={"role": "USER", "groups": ["sales"]})
    line.password_sealed = desk.vault.seal(b"a password", line.id, "people-import.password")
    await line.save(force_create=True)


async def _group_invitation(begun: Created) -> None:
    """An order for the sales people that is being carried out."""
    now = await database.now()
    order = GroupInvitation(key="order 1", name="sales", mode="two_factor", ownership="corporate", created_by="ada")
    order.status, order.created_at, order.lease_until = "expanding", now, now
    await order.save(force_create=True)
    ben = await Person.get(name="ben")
    invitee = GroupInvitee(group_invitation=order, number=1, person=ben, name="ben", invitation=begun.invitation)
    await invitee.save(force_create=True)
    campaign = Campaign(group_invitation=order, name="Autumn", status="running", created_by="ada", created_at=now)
    await campaign.save(force_create=True)
    await CampaignDay(campaign=campaign, day="2026-11-30", people=1, invited=1, enrolled=0).save(force_create=True)


async def _mac(desk: Desk) -> None:
    """Ben's first Mac, enrolled long ago."""
    now, ben = await database.now(), await Person.get(name="ben")
    issuer = await Certificate.get(purpose="device-ca", active=True)
    session = EnrollmentSession(person=ben, mode="two_factor", ownership="corporate", way="ota", status="enrolled")
    session.opened_at = session.expires_at = now
    await session.save(force_create=True)
    der = b"certificate of a Mac"
    certificate = Certificate(
        purpose="mdm-identity",
        serial_number="1f",
        subject="CN=ben",
        sha256=hashlib.sha256(der).hexdigest(),
        der=der,
        not_before=now,
        not_after=now + timedelta(days=365),
        issuer=issuer,
        session=session,
        created_at=now,
    )
    await certificate.save(force_create=True)
    device = Device(udid=str(uuid4()), serial="C02TEST00001", created_at=now, seen_at=now)
    await device.save(force_create=True)
    enrollment = Enrollment(device=device, session=session, person=ben, certificate=certificate, ownership="corporate")
    enrollment.topic, enrollment.status, enrollment.authenticated_at = "com.apple.mgmt.example", "enrolled", now
    enrollment.push_token_sealed = desk.vault.seal(b"push", enrollment.id, "push_token")
    await enrollment.save(force_create=True)
    await Command(
        enrollment=enrollment, request_type="InstallProfile", purpose="renewal", created_at=now
    ).save(force_create=True)  # fmt: skip
    await UserChannel(enrollment=enrollment, user_id=str(uuid4()), updated_at=now).save(force_create=True)


async def taken(desk: Desk) -> bytes:
    """Give a backup of the installation."""
    file = io.BytesIO()
    await backup.back_up(desk, file, now=await database.now(), actor="ada")
    return file.getvalue()


async def rows() -> dict[str, list[dict[str, object]]]:
    """Give every row of every table, as a backup holds it."""
    return {table.name: [row async for row in table.rows()] for table in tables()}
