"""What tests of renewals share: an enrolled Mac whose certificate ends soon, and what it says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from otae.apple import plist
from otae.enrollment import profiles
from otae.mdm import commands, renewal
from otae.signing import csr, scep_client
from otae.signing.certificates import Keyed
from otae.signing.scep import MessageType
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, Command
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.scep_talk import ask
from tests.mdm.talk import enroll

FIRST = "564D4B6E-0A3C-4F1D-9E7A-2B1C0D9E8F7A"


@dataclass
class Enrolled:
    """An enrolled Mac and its topic. ``soon``: a time at which its certificate has 20 days left."""

    desk: Desk
    mac: LabMac
    topic: str
    soon: datetime

    async def put(self, now: datetime, status: str = "Idle", by: Keyed | None = None, **said: object) -> bytes:
        body = plist.dumps({"UDID": self.mac.udid, "Status": status, **said})
        return await commands.answer(self.desk, body, self.mac.sign_header(body, by), now=now)

    async def fetch(self, now: datetime) -> tuple[str, dict[str, object], str]:
        """Fetch the renewal; returns its CommandUUID, profile and SCEP challenge."""
        sent = plist.loads(await self.put(now))
        command: Any = sent["Command"]
        assert command["RequestType"] == "InstallProfile"
        return str(sent["CommandUUID"]), lab.read_profile(command["Payload"]), lab.challenge_of(command["Payload"])

    async def renew(self, now: datetime) -> Keyed:
        """Go through a renewal up to TokenUpdate; returns the new identity."""
        uuid, _, challenge = await self.fetch(now)
        new = await self.mac.identity(self.desk, challenge, now, of="renewed identity")
        await self.mac.authenticate(self.desk, now, self.topic, by=new)
        await self.mac.token_update(self.desk, now, self.topic, by=new)
        await self.put(now, "Acknowledged", by=new, CommandUUID=uuid)
        return new


async def enrolled(desk: Desk, way: str = "ota", *, udid: str = FIRST, serial: str = "C02LAB00BEN") -> Enrolled:
    made = LabMac(udid=udid, serial=serial)
    topic, _ = await enroll(desk, made, way=way)
    pinned = await Certificate.get(purpose="mdm-identity", session__enrollments__device__udid=made.udid)
    return Enrolled(desk, made, topic, pinned.not_after - timedelta(days=20))


async def statuses() -> list[str]:
    return [command.status for command in await Command.all().order_by("created_at")]


async def queued(one: Enrolled) -> tuple[str, str]:
    """Queue and fetch a renewal; returns its CommandUUID and challenge."""
    await renewal.renew_due(one.desk, now=one.soon)
    uuid, _, challenge = await one.fetch(one.soon)
    return uuid, challenge


async def renewal_req(one: Enrolled, by: Keyed, challenge: str | None) -> scep_client.ScepReply:
    _, _, bag = await one.mac.request(one.desk, None)
    wish = csr.build(lab.key("renewed identity"), "x", challenge)
    request = scep_client.build_request(wish, by, bag, message_type=MessageType.RENEWAL_REQ)
    return await ask(one.desk, (request, by, bag), one.soon)


async def first_profile(desk: Desk) -> dict[str, object]:
    """Give an enrollment profile as a first enrollment gets it."""
    now = await database.now()
    session = await lab.signed_in(desk, now, "cleo", way="profile")
    return lab.read_profile(await profiles.single_profile(desk, session, now=now))
