"""One action on many invitations: each by itself, none outside of somebody's reach, and a reason for each refusal."""

import pytest

from otae.directory.reach import reach_of
from otae.invitations import bulk_actions
from otae.invitations.bulk_actions import BulkProgress
from otae.store import database, jobs
from otae.store.desk import Desk
from otae.store.models import Administrator, AuditEntry, Delivery, Group, Invitation, Membership, Role
from tests.invitations.guests import add_person, invite

pytestmark = pytest.mark.anyio


async def test_a_refusal_stops_none_of_the_others_and_is_told_by_name(desk: Desk) -> None:
    now = await database.now()
    made = [(await invite(desk, "username_pin", user=name)).invitation for name in ("ben", "cleo", "dora")]
    await Invitation.filter(id=made[1].id).update(status="redeemed")
    outcome = await bulk_actions.change(desk, "revoke", [each.id for each in made], now=now, actor="ada")
    assert outcome.done == 2
    assert [name for name, _ in outcome.refused] == ["cleo"]
    assert all(reason for _, reason in outcome.refused)
    assert [(await Invitation.get(id=each.id)).status for each in made] == ["revoked", "redeemed", "revoked"]
    again = await bulk_actions.change(desk, "resend", [each.id for each in made], now=now, actor="ada")
    assert (again.done, len(again.refused)) == (0, 3)
    whole = await AuditEntry.filter(action="invitations.changed").order_by("id").first()
    assert whole is not None
    assert (whole.detail, await AuditEntry.filter(part_of=whole.id).count()) == ("revoke, 3 invitations", 2)


async def test_each_action_does_what_it_says_and_another_is_none(desk: Desk) -> None:
    now, row = await database.now(), (await invite(desk, "username_pin")).invitation
    before = await Invitation.get(id=row.id)
    assert (await bulk_actions.change(desk, "resend", [row.id], now=now, actor="ada")).done == 1
    assert (await Invitation.get(id=row.id)).generation == before.generation + 1
    later = now + (before.valid_until - before.created_at if before.valid_until else now - now)
    await bulk_actions.change(desk, "extend", [row.id], now=later, actor="ada")
    extended = (await Invitation.get(id=row.id)).valid_until
    assert extended is not None
    assert before.valid_until is not None
    assert extended > before.valid_until
    await bulk_actions.change(desk, "revoke", [row.id], now=later, actor="ada")
    assert (await bulk_actions.change(desk, "delete", [row.id], now=later, actor="ada")).done == 1
    assert (await bulk_actions.change(desk, "delete", [row.id], now=later, actor="ada")).done == 0
    with pytest.raises(KeyError):
        await bulk_actions.change(desk, "remove", [row.id], now=now, actor="ada")


async def test_nobody_outside_of_the_reach_and_no_rehearsal_is_touched(desk: Desk) -> None:
    now = await database.now()
    await add_person(desk, "ben", groups=["sales"])
    mine = (await invite(desk, "username_pin")).invitation
    theirs = (await invite(desk, "username_pin", user="cleo")).invitation
    rehearsal = (await invite(desk, "username_pin", rehearsal=True)).invitation
    reach = await reach_of(["local/sales"], now=now)
    outcome = await bulk_actions.change(
        desk, "revoke", [mine.id, theirs.id, rehearsal.id], now=now, actor="ada", reach=reach
    )
    assert (outcome.done, outcome.refused) == (1, [])
    left = await Invitation.filter(status="pending").values_list("id", flat=True)
    assert set(left) == {theirs.id, rehearsal.id}
    assert not await Delivery.filter(invitation_id=mine.id, status="queued", kind="url").exists()


async def test_many_are_changed_by_a_worker_that_keeps_its_place(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 2)
    now, names = await database.now(), ("ben", "cleo", "dora", "eve", "fay")
    made = [(await invite(desk, "username_pin", user=name)).invitation for name in names]
    await Invitation.filter(id=made[1].id).update(status="redeemed")
    ids = [each.id for each in made]
    job_id = await bulk_actions.order(desk, "revoke", ids, now=now, actor="ada")
    entry = await AuditEntry.get(action="invitations.changed", subject=str(job_id))
    assert await bulk_actions.find_progress(job_id, "eve") is None, "hers alone"
    seen, refused = list[tuple[int, int, int, bool]](), list[tuple[str, str]]()
    while await jobs.waiting(await database.now()):
        job = await jobs.claim(job_id, await database.now())
        assert job is not None
        await bulk_actions.run_job(desk, job, now=await database.now())
        progress = await bulk_actions.find_progress(job_id, "ada")
        assert progress is not None
        seen.append((progress.seen, progress.done, progress.failed, progress.finished))
        refused = progress.refused
    assert seen == [(2, 1, 1, False), (4, 3, 1, False), (5, 4, 1, True)]
    assert [name for name, _why in refused] == ["cleo"]
    assert await Invitation.filter(status="revoked").count() == 4
    assert await AuditEntry.filter(action="invitation.revoked", part_of=entry.id).count() == 4


async def test_a_job_stays_within_the_powers_that_its_maker_has_by_then(desk: Desk) -> None:
    now = await database.now()
    mine, theirs = [(await invite(desk, "username_pin", user=name)).invitation for name in ("ben", "cleo")]
    group = await Group.create(domain="local", name="sales")
    await Membership(group_id=group.id, person_id=mine.person_id).save()
    values = {"groups": ["local/sales"], "created_at": now}
    await Role(name="SALES", permissions=["invitation.see", "invitation.revoke"], **values).save()
    maker = Administrator(name="eve", role="SALES", display_name="Eve", password_hash="x", created_at=now)
    await maker.save()

    async def ran(action: str) -> BulkProgress:
        ids = [mine.id, theirs.id]
        job_id = await bulk_actions.order(desk, action, ids, now=now, actor="eve", maker_id=maker.id)
        job = await jobs.claim(job_id, await database.now())
        assert job is not None
        await bulk_actions.run_job(desk, job, now=await database.now())
        progress = await bulk_actions.find_progress(job_id, "eve")
        assert progress is not None
        assert progress.finished
        return progress

    assert (await ran("extend")).refused == [("eve", "may not do this any more")]
    await Administrator.filter(id=maker.id).update(disabled=True)
    assert (await ran("revoke")).done == 0
    await Administrator.filter(id=maker.id).update(disabled=False)
    assert (await ran("revoke")).done == 1
    assert {row.id: row.status for row in await Invitation.all()} == {mine.id: "revoked", theirs.id: "pending"}


async def test_a_worker_that_died_after_the_change_does_not_repeat_it(desk: Desk) -> None:
    now = await database.now()
    ids = [(await invite(desk, "username_pin", user=name)).invitation.id for name in ("ben", "cleo")]
    job_id = await bulk_actions.order(desk, "resend", ids, now=now, actor="ada")
    # What a worker leaves behind that dies between the change and writing down that it was made.
    await bulk_actions.change(desk, "resend", ids[:1], now=now, actor="ada")
    job = await jobs.claim(job_id, await database.now())
    assert job is not None
    await bulk_actions.run_job(desk, job, now=await database.now())
    assert {row.generation for row in await Invitation.all()} == {2}
    progress = await bulk_actions.find_progress(job_id, "ada")
    assert progress is not None
    assert (progress.done, progress.finished) == (2, True)
