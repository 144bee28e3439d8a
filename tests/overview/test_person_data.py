"""One person's data: everything that is held is exported, and nothing of it is left after their last Mac."""

import json

import pytest
from tortoise.connection import get_connection

from otae.directory.local import people
from otae.overview import person_data, removal
from otae.store import audit, database, jobs, models
from otae.store.desk import Desk
from otae.store.models import (
    AuditEntry,
    CaughtMail,
    Delivery,
    Device,
    Enrollment,
    Event,
    GroupInvitee,
    Invitation,
    Job,
    PeopleImportLine,
    Person,
    ServerRefusal,
    UserChannel,
)
from otae.store.notices import UNENROLLED, tell
from otae.store.records import About, note
from tests.store.furnish import furnish

pytestmark = pytest.mark.anyio

#: What is only Ben's, and shall be nowhere in the end.
NAME, DISPLAYED, MAIL, PHONE = "zebedee", "Zebedee Quillfeather", "zeb.quill@example.test", "+4915199887766"
NETWORK, BROWSER, MAC, ACCOUNT, NOTE = "198.51.100.77", "Iceweasel", "Zebedees Mac", "zebq", "See you at the zoo"
VALUES = (NAME, "Quillfeather", MAIL, PHONE, NETWORK, BROWSER, MAC, ACCOUNT, NOTE)


async def dumped() -> list[str]:
    """Return each row of each table as text, but for counters, which hold keyed hashes and end by themselves."""
    rows = []
    for name in models.__all__:
        table = getattr(models, name)._meta.db_table  # noqa: SLF001 - the ORM's own name for it
        if name != "Counter":
            found = await get_connection("default").execute_query_dict(f'SELECT * FROM "{table}"')  # noqa: S608 - ours
            rows += [f"{table} {dict(row)}" for row in found]
    return rows


async def found(words: tuple[str, ...]) -> list[str]:
    return [row for row in await dumped() if any(word.lower() in row.lower() for word in words)]


@pytest.fixture
async def zeb(desk: Desk) -> Person:
    """Furnish the installation, and let the one in the middle of it leave traces everywhere."""
    await furnish(desk)
    now, zeb = await database.now(), await Person.get(name="ben")
    named = zeb.with_search_text({"name": NAME, "display_name": DISPLAYED, "email": MAIL})
    await Person.filter(id=zeb.id).update(**named, phone=PHONE, properties={"desk": DISPLAYED})
    await Invitation.filter(person_id=zeb.id).update(
        display_name=DISPLAYED, email=MAIL, phone=PHONE, note=NOTE, free_fields=f"room: {NOTE}", tags=NAME
    )
    invitation = await Invitation.filter(person_id=zeb.id).first()
    assert invitation is not None
    await Delivery.filter(invitation_id=invitation.id).update(recipient=MAIL, answer=f"250 {MAIL} ok")
    subject = About(invitation_id=invitation.id, person_id=zeb.id)
    for kind, detail in (
        ("signin.failed", f"a wrong PIN, from {NETWORK}"),
        ("link.opened", BROWSER),
        ("delivery.sent", f"accepted {MAIL}"),
    ):
        await note(kind, now=now, about=subject, detail=detail)
    await note("session.opened", now=now, about=About(invitation_id=invitation.id), detail=f"from {NETWORK}")
    await Device.all().update(name=MAC)
    await PeopleImportLine.all().update(name=NAME, given={"phone": PHONE}, reason=f"what is {NAME}")
    await GroupInvitee.all().update(person_id=zeb.id, name=NAME, given={"email": MAIL})
    await UserChannel.all().update(short_name=ACCOUNT, long_name=DISPLAYED)
    await audit.record("ada", "mail.opened", now=now, subject="a message", detail=MAIL)
    await audit.record("ada", "thing.done", now=now, subject=str(zeb.id), detail=f"{NAME} is {DISPLAYED}")
    await CaughtMail.all().update(recipient=MAIL, subject=f"Hello {MAIL}")
    await ServerRefusal.all().update(words=f"554 {MAIL}: no")
    await tell(UNENROLLED, key="x", now=now, about=subject)
    job = await jobs.enqueue("x", {"recipient": MAIL}, created_by="ada", now=now)
    await Job.filter(id=job.id).update(output={"refused": [[NAME, "why"]]}, finished_at=now, status="done")
    return await Person.get(id=zeb.id)


async def test_everything_that_is_held_is_exported_and_no_secret(desk: Desk, zeb: Person) -> None:
    now = await database.now()
    held = await person_data.export(zeb, now=now, actor="ada")
    text = json.dumps(held)
    assert [word for word in (NAME, MAIL, PHONE, NETWORK, BROWSER, MAC, ACCOUNT, NOTE) if word not in text] == []
    empty = {kind for kind, rows in held.items() if not rows} - {"groups", "approvals"}
    assert empty == set()
    assert not [word for word in ("_sealed", "_hash", "argon2", "search_text") if word in text]
    assert (await AuditEntry.get(action="person.exported")).subject == str(zeb.id)


async def test_nothing_of_a_deleted_person_is_left_after_their_last_mac(desk: Desk, zeb: Person) -> None:
    now = await database.now()
    assert len(await found(VALUES)) > 10
    dora = await people.add_person(desk, name="dora", email="dora@example.test", now=now, actor="ada")
    await note("signin.failed", now=now, about=About(person_id=dora.id), detail="from 192.0.2.9")
    before = await audit.verify()
    await removal.remove_person(desk, zeb, now=now, actor="ada")
    left = await found((NAME, "Quillfeather", MAIL, PHONE, NOTE))
    assert {row.partition(" ")[0] for row in left} <= {"event", "user_channel", "device"}, "until the Mac is gone"
    assert await person_data.erase_due(now=now) == 0
    assert await found((NETWORK,))
    await Enrollment.all().update(status="unenrolled", ended_at=now)
    assert await person_data.erase_due(now=now) == 1
    assert await found(VALUES) == []
    assert (await audit.verify(before)).count > before.count
    entry = await AuditEntry.get(action="thing.done")
    assert entry.detail == f"{removal.REMOVED_NAME} is {removal.REMOVED_NAME}"
    assert await found(("dora@example.test",))
    assert await Event.filter(person_id=dora.id, detail="from 192.0.2.9").exists(), "nobody else's"
    assert await person_data.erase_due(now=now) == 0
    assert (await Person.get(id=zeb.id)).erased_at == now


async def test_a_mac_that_is_somebody_elses_by_now_keeps_its_name(desk: Desk, zeb: Person) -> None:
    now = await database.now()
    mine = await Enrollment.filter(person_id=zeb.id).first()
    assert mine is not None
    await Enrollment.all().update(status="unenrolled", ended_at=now)
    dora = await people.add_person(desk, name="dora", email="dora@example.test", now=now, actor="ada")
    values = {"session_id": mine.session_id, "certificate_id": mine.certificate_id, "device_id": mine.device_id}
    theirs = Enrollment(**values, person_id=dora.id, ownership="corporate", topic=mine.topic, status="enrolled")
    theirs.authenticated_at = now
    await theirs.save(force_create=True)
    await Device.all().update(name="Cleo's Mac")
    await removal.remove_person(desk, zeb, now=now, actor="ada")
    assert (await Person.get(id=zeb.id)).erased_at == now
    assert (await Device.get(id=mine.device_id)).name == "Cleo's Mac"


async def test_what_was_interrupted_is_done_again(desk: Desk, zeb: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    now = await database.now()
    await Enrollment.all().update(status="unenrolled", ended_at=now)

    async def broken(*_args: object, **_kwargs: object) -> bool:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(removal, "_erase", broken)
        with pytest.raises(RuntimeError):
            await removal.remove_person(desk, zeb, now=now, actor="ada")
    await removal.remove_person(desk, await Person.get(id=zeb.id), now=now, actor="ada")
    assert await found(VALUES) == []
    await audit.verify()
