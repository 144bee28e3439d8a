"""The whole way of one invitation, from the administrator's order to the confirmation mail, and what must hold then."""

import asyncio
from collections.abc import Sequence

from otae.mdm import devices
from otae.rehearsal.connection import MacConnection
from otae.rehearsal.hardware import MessageFormat
from otae.rehearsal.mac import Mac
from otae.rehearsal.safari import Page, Safari
from otae.store.models import CaughtMail, Delivery, EnrollmentSession, Event, Invitation, Pin
from tests.flow.house import PASSWORD, House, browse

BEN = "ben@example.test"
LOGIN = "/zdm/macos/otae/login"
OTA_STEPS = (
    "session.opened",
    "profile.fetched",
    "session.identified",
    "certificate.issued",
    "session.certified",
    "session.configured",
    "certificate.issued",
    "checkin.authenticate",
    "checkin.enrolled",
    "session.enrolled",
    "invitation.redeemed",
)
PROFILE_STEPS = (
    "session.opened",
    "profile.fetched",
    "session.configured",
    "certificate.issued",
    "session.certified",
    "checkin.authenticate",
    "checkin.enrolled",
    "session.enrolled",
    "invitation.redeemed",
)


async def whole_way(
    house: House, mode: str, way: str, *, password: bool, pin: bool, shape: MessageFormat | None = None
) -> Mac:
    """Enroll Ben's Mac through a mailed link; returns the Mac, whose line is closed."""
    await house.person("ben")
    created = await house.invite("ben", mode, way=way)
    link = await house.link_from_mail(BEN)
    assert link == created.url
    digits = await house.pin_from_mail(BEN) if pin else None
    async with house.line() as line:
        secret = PASSWORD if password else None
        download = await browse(house, line, link, name="ben", password=secret, pin=digits)
        mac = await house.mac(line, shape=shape)
        await mac.install(download)
        await mac.check_in()
        await see_enrolled_page(house, line)
    await see_the_record(created.invitation, mac, OTA_STEPS if way == "ota" else PROFILE_STEPS)
    await see_nothing_kept(
        house, created.invitation, [link.rpartition("=")[2], *([digits] if digits else []), PASSWORD]
    )
    await see_the_link_used(house, link)
    return mac


async def see_enrolled_page(house: House, line: MacConnection) -> None:
    """The page that followed the Mac says so, and asks for no more."""
    page = await Safari(line).open(f"{house.url}/zdm/macos/otae/install", name="install")
    assert "This Mac is enrolled" in page.text
    assert b"hx-trigger" not in page.answer.content


async def see_the_record(invitation: Invitation, mac: Mac, steps: Sequence[str]) -> None:
    """The timeline has every step, in order, and the device is there with its facts."""
    await invitation.refresh_from_db()
    assert invitation.status == "redeemed"
    kinds = [row.kind for row in await Event.filter(invitation_id=invitation.id).order_by("id")]
    assert [kind for kind in kinds if kind in steps] == list(steps)
    assert kinds.index("link.opened") < kinds.index("session.opened")
    assert "refused" not in kinds
    session = await EnrollmentSession.get(invitation_id=invitation.id)
    assert (session.udid, session.serial, session.status) == (mac.facts.udid, mac.facts.serial, "enrolled")
    device = await devices.find_device(mac.facts.udid)
    assert device is not None
    assert (device.serial, device.status) == (mac.facts.serial, "enrolled")


async def see_nothing_kept(house: House, invitation: Invitation, secrets: Sequence[str]) -> None:
    """Link and PIN are forgotten, the confirmation went out once, and no secret stands in what was recorded."""
    await invitation.refresh_from_db()
    assert invitation.token_sealed is None
    assert [row.pin_sealed for row in await Pin.filter(invitation_id=invitation.id)] in ([], [None])
    await house.mail(BEN, "now enrolled")
    for _ in range(100):
        if await Delivery.filter(invitation_id=invitation.id, kind="confirmation", status="sent").exists():
            break
        await asyncio.sleep(0.05)
    assert await Delivery.filter(invitation_id=invitation.id).exclude(status="sent").count() == 0
    assert await CaughtMail.all().count() == 0
    recorded = " ".join(f"{row.detail} {row.actor}" for row in await Event.all())
    for secret in secrets:
        assert secret not in recorded


async def see_the_link_used(house: House, link: str) -> None:
    """Whoever opens the link now is told that it was used."""
    async with house.line() as line:
        page = await Safari(line).open(link)
    assert page.answer.status == 410
    assert "has been used already" in page.text


async def bare_page(house: House, line: MacConnection) -> Page:
    """The login page as one finds it without a link."""
    page = await Safari(line).open(house.url + LOGIN)
    assert page.answer.status == 200
    return page
