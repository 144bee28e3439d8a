"""Very many people with an invitation, a message, a sign-in and a Mac each, made by one statement a table.

Each row is a copy of one that the product made itself, with what tells rows apart put in place.
"""

from datetime import UTC, datetime, timedelta
from itertools import product

from tortoise.connection import get_connection
from tortoise.models import Model

from otae.store import database, models, query_statistics
from otae.store.desk import Desk
from otae.store.models import Device, Person, RolloutCount
from otae.store.rollout import ALL, BUCKETS, ENROLLMENTS, NO_TIME, Step
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.invitations.guests import invite

#: Of this many people one is Łukasz, one belongs to the small group, and the message of one is put off.
RARE = 2000


async def populate(desk: Desk, count: int) -> None:
    """Fill an empty installation with ``count`` people."""
    now = await database.now()
    mac = LabMac()
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, "ben", way="profile"), now)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    created = await invite(desk, "two_factor", user="template")
    postgres = database.dialect() == "postgres"
    copy = Copies(count, postgres=postgres, now=now)
    one, rare = f"'{created.invitation.id}'", f"n % {RARE} = 0"
    texts = {"name": "'person' || n", "display_name": f"CASE WHEN {rare} THEN 'Łukasz ' ELSE 'Person ' END || n"}
    text = (
        f"'person' || n || CASE WHEN {rare} THEN '\nlukasz ' ELSE '\nperson ' END || n || '\np' || n || '@example.test'"
    )
    await copy.make(
        models.Person, "name = 'template'", **texts, email="'p' || n || '@example.test'", search_text=text,
        role=f"CASE WHEN {rare} THEN 'ADMIN' ELSE 'USER' END", created_at=copy.ago,
    )  # fmt: skip
    status = "CASE n % 10 WHEN 0 THEN 'pending' WHEN 1 THEN 'expired' ELSE 'redeemed' END"
    await copy.make(
        models.Invitation, f"id = {one}", person_id=copy.uid, token_hash=copy.hashed, created_at=copy.ago,
        status=status, mode=f"CASE WHEN {rare} THEN 'username_pin' ELSE 'two_factor' END", search_text="'c02' || n",
        ownership=f"CASE WHEN {rare} THEN 'employee' ELSE 'corporate' END", support_code="'S' || n",
        furthest_step=f"CASE WHEN {rare} THEN 50 WHEN n % 10 = 0 THEN 20 WHEN n % 10 = 1 THEN 30 ELSE 80 END",
        sort_name="'person ' || n", created_by=f"CASE WHEN {rare} THEN 'eve' ELSE 'ada' END",
        valid_until=f"CASE WHEN n % 7 = 0 THEN NULL ELSE {copy.ago} END",
        campaign_id=f"CASE WHEN {rare} THEN {copy.uid} ELSE NULL END",
        seen_at=f"CASE WHEN {rare} THEN {copy.ago} ELSE NULL END",
    )  # fmt: skip
    await copy.make(
        models.Delivery, f"invitation_id = {one} AND kind = 'url'", invitation_id=copy.uid, message_id=copy.hashed,
        status=f"CASE WHEN {rare} THEN 'queued' ELSE 'sent' END", attempt="1", created_at=copy.ago,
        answer="'mail.example.test: cannot be reached'",
    )  # fmt: skip
    await copy.make(
        models.EnrollmentSession, "serial IS NOT NULL", person_id=copy.uid, invitation_id=copy.uid, opened_at=copy.ago,
        udid="'U-' || n", serial="'C02' || n", search_text="'c02' || n || '\nu-' || n",
        status="CASE WHEN n % 100 = 0 THEN 'expired' ELSE 'enrolled' END", support_code="NULL",
    )  # fmt: skip
    await copy.make(
        models.Certificate, "purpose = 'mdm-identity'", session_id=copy.uid, serial_number=copy.hashed_short,
        sha256=copy.hashed, created_at=copy.ago, der="NULL",
    )  # fmt: skip
    await _macs(copy)
    await copy.make(models.Event, "kind = 'checkin.authenticate'", at=copy.ago)
    await _group_and_order(copy, now)
    await copy.make(
        models.AuditEntry, "id = (SELECT min(id) FROM audit_entry)", id="1000 + n", at=copy.ago, mac=copy.hashed,
        actor="'ada'", subject=f"CASE WHEN {rare} THEN 'Lukasz' ELSE 'subject' END || n",
    )  # fmt: skip
    if postgres:
        await get_connection("default").execute_script("ANALYZE")
    else:
        await query_statistics.refresh()
    assert await Person.all().count() > count
    assert await Device.all().count() > count


async def _counts_of_ninety_days(now: datetime) -> None:
    """Keep a count of every day, step and bucket: the most that a funnel can read."""
    await RolloutCount.bulk_create(
        RolloutCount(campaign_id=ALL, day=str((now - timedelta(days=day)).date()), step=step, bucket=bucket, number=10)
        for day, step, bucket in product(range(90), (*Step, ENROLLMENTS), range(NO_TIME, len(BUCKETS) + 1))
        if step < ENROLLMENTS or bucket == NO_TIME
    )


async def _macs(copy: "Copies") -> None:
    """Give everybody a Mac, and one of RARE an old one that was unenrolled."""
    rare = f"n % {RARE} = 0"
    await copy.make(
        models.Device, "serial <> ''", udid="'U-' || n", serial="'C02' || n", name="'Mac ' || n", created_at=copy.ago,
        search_text="'c02' || n || '\nu-' || n || '\nmac ' || n", person_id=copy.uid,
        status=f"CASE WHEN {rare} THEN 'unenrolled' ELSE 'enrolled' END", enrolled_at=copy.ago, seen_at=copy.ago,
        ownership=f"CASE WHEN {rare} THEN 'employee' ELSE 'corporate' END",
        model_name=f"CASE WHEN {rare} THEN 'Mac mini' ELSE 'Mac Studio' END",
        os_version=f"CASE WHEN {rare} THEN '15.1' ELSE '26.1' END",
    )  # fmt: skip
    await copy.make(
        models.Enrollment, "status = 'enrolled'", device_id=copy.uid, session_id=copy.uid, person_id=copy.uid,
        certificate_id=copy.uid, authenticated_at=copy.ago, enrolled_at=copy.ago,
    )  # fmt: skip


async def _group_and_order(copy: "Copies", now: datetime) -> None:
    """Put everybody into one group, and invite them by one order, whose steps are counted."""
    await _counts_of_ninety_days(now)
    group, person = models.Group(name="everybody"), await Person.get(name="template")
    await group.save(force_create=True)
    await models.Membership(group_id=group.id, person_id=person.id).save(force_create=True)
    await copy.make(models.Membership, f"group_id = '{group.id}'", person_id=copy.uid)
    order = models.GroupInvitation(key="many", name="everybody", mode="two_factor", ownership="corporate")
    order.created_by, order.created_at = "ada", now
    await order.save(force_create=True)
    first = models.GroupInvitee(group_invitation_id=order.id, number=0, person_id=person.id, name="template")
    await first.save(force_create=True)
    await copy.make(
        models.GroupInvitee, "number = 0", number="n", person_id=copy.uid, invitation_id=copy.uid, status="'invited'"
    )


class Copies:
    """Copies of one row, told apart by ``n``: 1, 2, 3. What its attributes hold are expressions of SQL."""

    def __init__(self, count: int, *, postgres: bool, now: datetime) -> None:
        self.count, self.postgres = count, postgres
        at = int(now.astimezone(UTC).timestamp())
        if postgres:
            self.uid = "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid"
            self.hashed = "lpad(to_hex(n), 64, '0')"
            self.hashed_short = "lpad(to_hex(n), 20, '0')"
            self.ago = f"to_timestamp({at} - n * 60)"
            self.series = f"generate_series(1, {count}) AS series(n)"
        else:
            self.uid = "printf('00000000-0000-4000-8000-%012d', n)"
            self.hashed = "printf('%064x', n)"
            self.hashed_short = "printf('%020x', n)"
            self.ago = f"strftime('%Y-%m-%d %H:%M:%S', {at} - n * 60, 'unixepoch') || '+00:00'"
            numbers = f"SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < {count}"  # noqa: S608 - a number
            self.series = f"(WITH RECURSIVE s AS ({numbers}) SELECT n FROM s)"  # noqa: S608 - as above

    async def make(self, kind: type[Model], where: str, **told_apart: str) -> None:
        """Copy the row of ``kind`` that ``where`` finds."""
        meta = kind._meta  # noqa: SLF001 - the ORM's own description of a table
        columns = [name for name in meta.fields_db_projection.values() if kind is not models.Event or name != "id"]
        made = {"id": self.uid} | told_apart
        values = ", ".join(made.get(name, f'"{name}"') for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        source = f'(SELECT * FROM "{meta.db_table}" WHERE {where} LIMIT 1) AS template, {self.series}'  # noqa: S608 - ours
        await get_connection("default").execute_query(
            f'INSERT INTO "{meta.db_table}" ({names}) SELECT {values} FROM {source}'  # noqa: S608 - ours
        )
