"""Whom notices reach: who chose them and may see what they are about now, in one mail, at the hour they chose."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from otae.accounts import administrators, notice_choices
from otae.delivery import administrator_mails, catcher
from otae.overview import notices
from otae.store.desk import Desk
from otae.store.models import (
    Administrator,
    AdministratorMail,
    CaughtMail,
    Device,
    Group,
    Membership,
    Notice,
    NoticeReceipt,
    NotificationServer,
    Role,
)
from otae.store.notices import GUESSING, KINDS, SERVER, SILENT, UNENROLLED, tell
from otae.store.records import About
from tests.invitations.guests import add_person
from tests.servers.ports import free_port

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


async def administrator(desk: Desk, name: str = "ada", role: str = "ADMIN", **chosen: str) -> Administrator:
    words = "four quiet words here"
    row = await administrators.create_administrator(desk, name=name, password=words, role=role, now=NOW, actor="ada")
    await Administrator.filter(id=row.id).update(email=f"{name}@example.test")
    await notice_choices.set_choices(row.id, dict.fromkeys(KINDS, "now") | chosen, 8)
    return await Administrator.get(id=row.id)


async def mac(name: str = "Ben's Mac") -> UUID:
    row = Device(udid=str(uuid4()), serial="C02BEN", name=name, created_at=NOW, seen_at=NOW)
    await row.save()
    return row.id


async def happen(kind: str, key: str = "1", *, device_id: UUID | None = None, person_id: UUID | None = None) -> None:
    await tell(kind, key=key, now=NOW, about=About(device_id=device_id, person_id=person_id))


async def mailed(desk: Desk, now: datetime = NOW) -> dict[str, str]:
    """Do what clock and worker do; return the texts of the mails that are caught, by recipient."""
    await notices.pass_on(now=now)
    for mail_id in await administrator_mails.waiting(now):
        await administrator_mails.send(desk, mail_id, notices.compose, now=now)
    rows = await CaughtMail.all().order_by("caught_at")
    texts = {}
    for row in rows:
        shown = await catcher.read_caught(desk, row.id, now=now, actor="ada")
        assert shown is not None
        texts[row.recipient] = f"{shown.subject}\n{shown.text}\n{shown.html}"
    await CaughtMail.all().delete()
    return texts


async def test_one_mail_says_what_happened_to_which_mac_and_leads_there(desk: Desk) -> None:
    await administrator(desk)
    ben = await add_person(desk)
    device_id = await mac("<b>Ben's Mac</b>")
    await happen(UNENROLLED, device_id=device_id, person_id=ben.id)
    [text] = (await mailed(desk)).values()
    udid = (await Device.get(id=device_id)).udid
    assert text.startswith("otae: A Mac is no longer enrolled: <b>Ben's Mac</b> · C02BEN\n")
    assert f"https://localhost:8443/admin/devices/{udid}" in text
    assert "The management profile was removed on the Mac. It belongs to ben." in text
    assert "&lt;b&gt;Ben" in text, "the HTML shows the name as it is"
    assert "2026-12-01 09:30:00 UTC" in text
    assert await mailed(desk, NOW + timedelta(hours=1)) == {}, "told once"


async def test_ten_things_at_once_are_one_mail_and_what_follows_waits(desk: Desk) -> None:
    await administrator(desk)
    for number in range(notices.MOST_LISTED + 9):
        await happen(SILENT, f"{number}", device_id=await mac(f"Mac {number}"))
    [text] = (await mailed(desk)).values()
    assert text.startswith(f"otae: {notices.MOST_LISTED + 9} notices")
    assert "9 further notices are not listed here" in text
    await happen(SILENT, "later", device_id=await mac())
    assert await mailed(desk, NOW + timedelta(minutes=1)) == {}
    assert len(await mailed(desk, NOW + notices.INTERVAL)) == 1


async def test_the_daily_mail_comes_at_the_chosen_hour_of_ones_own_zone(desk: Desk) -> None:
    ada = await administrator(desk, **{UNENROLLED: "daily"})
    await Administrator.filter(id=ada.id).update(time_zone="America/New_York", language="de")
    await notice_choices.set_choices(ada.id, {}, 7)
    await happen(UNENROLLED, "1", device_id=await mac())
    await happen(UNENROLLED, "2", device_id=await mac())
    assert await mailed(desk) == {}
    assert await mailed(desk, datetime(2026, 12, 1, 11, 59, tzinfo=UTC)) == {}
    [text] = (await mailed(desk, datetime(2026, 12, 1, 12, 0, tzinfo=UTC))).values()
    assert "2 Hinweise" in text
    assert "04:30:00" in text, "in New York"


async def test_nobody_is_told_what_they_do_not_want_or_may_not_see_now(desk: Desk) -> None:
    await administrator(desk, "ada", **{UNENROLLED: "off"})
    await administrator(desk, "dan", "DEVICE_PROVISIONING")
    eve = await administrator(desk, "eve")
    for kind in (UNENROLLED, GUESSING, SERVER):
        await happen(kind)
    await notices.pass_on(now=NOW)
    await Administrator.filter(id=eve.id).update(role="SUPPORT")
    texts = await mailed(desk)
    assert {name: "no longer enrolled" in text for name, text in texts.items()} == {
        "ada@example.test": False,
        "dan@example.test": True,
        "eve@example.test": True,
    }
    assert "guessing" in texts["ada@example.test"]
    assert "guessing" not in texts["eve@example.test"], "the role was changed before the mail was sent"


async def test_a_limited_role_is_told_of_its_own_people_as_they_are_now(desk: Desk) -> None:
    group = await Group.create(name="sales")
    await Role(name="SALES", permissions=["device.see", "person.see"], groups=["local/sales"], created_at=NOW).save()
    await administrator(desk, "sam", "SALES")
    ben, cleo = await add_person(desk), await add_person(desk, "cleo")
    membership = await Membership.create(group=group, person=ben)
    await Membership.create(group=group, person=cleo)
    for person in (ben, cleo, await add_person(desk, "dora")):
        await happen(UNENROLLED, person.name, person_id=person.id, device_id=await mac(f"Mac of {person.name}"))
    await notices.pass_on(now=NOW)
    await membership.delete()
    [text] = (await mailed(desk)).values()
    assert "Mac of cleo" in text
    assert "Mac of ben" not in text
    assert "Mac of dora" not in text


async def test_disabled_administrators_and_those_without_an_address_are_not_told(desk: Desk) -> None:
    ada, eve, fay = [await administrator(desk, name) for name in ("ada", "eve", "fay")]
    await Administrator.filter(id=ada.id).update(email=None)
    await Administrator.filter(id=eve.id).update(disabled=True)
    await happen(SILENT)
    await notices.pass_on(now=NOW)
    await Administrator.filter(id=fay.id).update(disabled=True)
    assert await mailed(desk) == {}
    assert [row.status for row in await AdministratorMail.all()] == ["cancelled"]


async def test_who_was_told_by_a_mail_of_its_own_is_not_told_twice(desk: Desk) -> None:
    await administrator(desk, "ada")
    await administrator(desk, "eve")
    await tell(SERVER, key="1", now=NOW, subject="House mail", detail="553 no", told_already="ada@example.test")
    texts = await mailed(desk)
    assert texts.keys() == {"eve@example.test"}
    assert "House mail" in texts["eve@example.test"]
    assert "The answer was: 553 no" in texts["eve@example.test"]


async def test_two_clocks_and_two_workers_make_and_send_one_mail(desk: Desk) -> None:
    await administrator(desk)
    await happen(SILENT)
    await asyncio.gather(*(notices.pass_on(now=NOW) for _ in range(3)))
    [mail] = await AdministratorMail.all()
    assert await NoticeReceipt.all().count() == 1
    sending = (administrator_mails.send(desk, mail.id, notices.compose, now=NOW) for _ in range(3))
    await asyncio.gather(*sending)
    assert await CaughtMail.all().count() == 1


async def test_what_happens_while_a_mail_waits_goes_into_it_and_a_dead_server_is_not_told_of_for_ever(
    desk: Desk,
) -> None:
    await administrator(desk)
    server = NotificationServer(name="House mail", host="127.0.0.1", port=free_port(), active=True, created_at=NOW)
    server.from_name, server.from_email = "IT", "it@example.test"
    await server.save()
    await tell(SERVER, key="1", now=NOW, subject="House mail")
    assert await mailed(desk) == {}
    [mail] = await AdministratorMail.all()
    assert (mail.status, mail.attempt) == ("queued", 1)
    await tell(SERVER, key="2", now=NOW, subject="House mail")
    later = NOW + timedelta(minutes=20)
    assert await mailed(desk, later) == {}
    [mail] = await AdministratorMail.all()
    assert await NoticeReceipt.filter(mail_id=mail.id).count() == 2
    assert await mailed(desk, NOW + notices.SERVER_TROUBLE_TOLD_FOR + timedelta(minutes=20)) == {}
    [mail] = await AdministratorMail.all()
    assert mail.status == "failed"
    assert await Notice.all().count() == 2, "a mail that cannot be sent makes no notice"


async def test_notices_and_their_mails_are_kept_for_a_month(desk: Desk) -> None:
    await administrator(desk)
    await happen(SILENT)
    await mailed(desk)
    await notices.forget_old(NOW + notices.KEPT)
    assert await Notice.all().count() == 1
    await notices.forget_old(NOW + notices.KEPT + timedelta(seconds=1))
    assert (await Notice.all().count(), await AdministratorMail.all().count(), await NoticeReceipt.all().count()) == (
        0, 0, 0,
    )  # fmt: skip
