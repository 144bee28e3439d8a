"""Macs that have come as far as a test wants them, and how a refusal must look."""

from dataclasses import dataclass

from otae.rehearsal.connection import MacConnection, ServerResponse
from otae.rehearsal.hardware import MessageFormat
from otae.rehearsal.mac import Mac
from otae.rehearsal.profiles import ProfileService, SCEPPayload, open_profile, read_profile_service
from otae.store import database
from otae.store.models import EnrollmentSession, Event, Invitation
from tests.flow.house import House


@dataclass
class Visit:
    """A Mac of somebody who has signed in and downloaded the profile of phase 1."""

    house: House
    mac: Mac
    session: EnrollmentSession
    invitation: Invitation
    service: ProfileService

    async def phase_two(self) -> SCEPPayload:
        body = await self.mac.phase_two(self.service)
        answer = await self.mac.post_device(self.service.url, body, name="phase-2")
        return self.mac.read(answer, what="phase 2").scep

    async def phase_three(self) -> ServerResponse:
        assert self.mac.profile_identity is not None
        body = await self.mac.phase_three(self.service, self.mac.profile_identity)
        return await self.mac.post_device(self.service.url, body, name="phase-3")

    async def certified(self) -> None:
        self.mac.profile_identity = await self.mac.obtain(await self.phase_two(), name="identity")

    async def configured(self) -> None:
        await self.certified()
        await self.mac.install_mdm(self.mac.read(await self.phase_three(), what="phase 3"))

    async def status(self) -> str:
        await self.session.refresh_from_db()
        return self.session.status


async def visit(house: House, line: MacConnection, name: str = "ben", *, shape: MessageFormat | None = None) -> Visit:
    person = await house.person(name)
    invitation = (await house.invite(name, "two_factor", send=False)).invitation
    session = await house.signed_in(person, invitation)
    mac = await house.mac(line, shape=shape)
    return Visit(house, mac, session, invitation, await service(house, mac, session))


async def service(house: House, mac: Mac, session: EnrollmentSession) -> ProfileService:
    download = await house.download(session)
    return read_profile_service(open_profile(download, mac.roots, await database.now(), what="profile"))


async def told(house: House, answer: ServerResponse, status: int, code: str, *, stored: bool = True) -> None:
    """See the refusal in the answer, and its record: one that concerns nobody is not stored."""
    assert (answer.status, answer.code) == (status, code), answer.content
    assert answer.content.count(b"\n") == 1
    assert answer.content_type == "text/plain"
    await recorded(house, code if stored else "")


async def recorded(house: House, code: str) -> None:
    """See that the last refusal has this code; "": that nothing was stored, for it concerned nobody."""
    if not code:
        assert not await Event.exists(kind="refused")
        return
    event = await house.last_refusal()
    assert (event.code, len(event.support_code) in {5, 8}) == (code, True)
