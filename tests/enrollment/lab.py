"""People, invitations and Macs of a laboratory: every message a Mac sends, made by hand and never sent over a wire."""

import base64
import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.apple import plist
from otae.enrollment import issuance, ota, profiles, sessions
from otae.mdm import checkin
from otae.mdm.checkin import Reply
from otae.signing import cms, csr, issuing, scep_client
from otae.signing.certificates import Keyed, name, new_key, new_serial, pem
from otae.signing.scep import MessageType
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Event, Invitation, Person
from tests.signing import forge

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=3650)


TERM = issuing.Validity(not_before=START, not_after=END)


@cache
def key(whose: str) -> rsa.RSAPrivateKey:
    """Make a key once for all tests: it takes long."""
    return new_key()


@cache
def maker(who: str = "Example Device Maker") -> Keyed:
    """Give a CA that makes Macs."""
    return issuing.build_root(key(who), name(who, "Example"), **TERM)


@cache
def device_certificate(of: str, made_by: str = "Example Device Maker") -> Keyed:
    """Give the certificate a Mac leaves its maker with."""
    made = maker(made_by)
    mac_key = key(of)
    leaf = issuing.build_identity(mac_key.public_key(), name(of, "Example"), made, serial=new_serial(), **TERM)
    return Keyed(leaf, mac_key)


def with_lab_maker(desk: Desk, folder: Path) -> Desk:
    """Let the desk accept the laboratory's Macs, as OTAE_EXTRA_DEVICE_CA_FILE does."""
    path = folder / "makers.pem"
    path.write_bytes(pem(maker().certificate))
    return dataclasses.replace(desk, settings=desk.settings.model_copy(update={"extra_device_ca_file": path}))


async def person(now: datetime, who: str = "ben") -> Person:
    made, _ = await Person.get_or_create(
        defaults={"display_name": who.title(), "email": f"{who}@example.test", "created_at": now}, name=who
    )
    return made


async def invitation(now: datetime, who: str = "ben", **columns: object) -> Invitation:
    ben = await person(now, who)
    row = Invitation(
        person_id=ben.id,
        mode="username_password",
        ownership="corporate",
        token_hash=hashlib.sha256(f"{who} {new_serial()}".encode()).hexdigest(),
        token_sealed=b"sealed",
        created_by="ada",
        created_at=now,
    )
    row.update_from_dict(columns)
    await row.save()
    return row


async def signed_in(
    desk: Desk,
    now: datetime,
    who: str = "ben",
    *,
    way: str = "ota",
    of: Invitation | None = None,
    columns: Mapping[str, object] | None = None,
) -> EnrollmentSession:
    """Open a session with an invitation: ``of``, or a new one with these ``columns``."""
    invited = of or await invitation(now, who, **(columns or {}))
    return await sessions.open_session(
        person=await person(now, who),
        invitation=invited,
        mode=invited.mode,
        ownership=invited.ownership,
        way=way,
        now=now,
    )


async def events(session: EnrollmentSession) -> list[str]:
    """Give the kinds of the session's events in their order."""
    return [event.kind for event in await Event.filter(session_id=session.id).order_by("id")]


def read_profile(signed: bytes) -> dict[str, object]:
    """Read a profile of ours after checking its signature."""
    return plist.loads(cms.verify(signed, policy=cms.Policy()).content)


def payload(profile: dict[str, object], payload_type: str) -> dict[str, object]:
    """Give the one payload of a type."""
    content = profile["PayloadContent"]
    assert isinstance(content, list)
    (found,) = (entry for entry in content if entry["PayloadType"] == payload_type)
    assert isinstance(found, dict)
    return found


def challenge_of(signed_profile: bytes) -> str:
    """Give the Challenge of a Profile Service profile, or that of a profile's SCEP payload."""
    profile = read_profile(signed_profile)
    inner = profile["PayloadContent"]
    if isinstance(inner, list):
        inner = payload(profile, "com.apple.security.scep")["PayloadContent"]
    assert isinstance(inner, dict)
    return str(inner["Challenge"])


@dataclass
class LabMac:
    """A Mac that says what a test wants it to say. ``signer``: its device certificate; ``mdm``: its MDM identity."""

    udid: str = "564D4B6E-0A3C-4F1D-9E7A-2B1C0D9E8F7A"
    serial: str = "C02LAB00BEN"
    signer: Keyed = field(default_factory=lambda: device_certificate("a Mac"))
    ota: Keyed | None = None
    mdm: Keyed | None = None
    number: int = 0
    product: str | None = "VirtualMac2,1"

    def attributes(self, challenge: str | None = None) -> bytes:
        said: dict[str, object] = {
            "UDID": self.udid,
            "SERIAL": self.serial or None,
            "PRODUCT": self.product,
            "VERSION": "22A380",
            "IMEI": "",
            "NotOnConsole": False,
            "UserShortName": "ben",
        }
        said |= {"CHALLENGE": challenge}
        return plist.dumps({name: value for name, value in said.items() if value is not None})

    def post(self, content: bytes, by: Keyed | None = None) -> bytes:
        """Sign as real Macs do: SHA-1, no signed attributes, indefinite lengths."""
        return forge.indefinite(forge.signed(by or self.signer, content, name="sha1", bare=True))

    async def phase_two(self, desk: Desk, challenge: str, now: datetime) -> bytes:
        return await ota.answer(desk, self.post(self.attributes(challenge)), now=now)

    async def phase_three(self, desk: Desk, now: datetime) -> bytes:
        assert self.ota is not None
        return await ota.answer(desk, self.post(self.attributes(), self.ota), now=now)

    async def request(
        self, desk: Desk, challenge: str | None, *, message_type: int = MessageType.PKCS_REQ, of: str = "identity"
    ) -> tuple[scep_client.ClientRequest, Keyed, list[x509.Certificate]]:
        """Make a SCEP request as a Mac does, under a temporary signer of its own."""
        bag = list(scep_client.read_certificates(await issuance.ca_certificates(desk)))
        temporary = issuing.build_scep_signer(key("temporary"), **TERM)
        wish = csr.build(key(f"{of} of {self.serial}"), "com.apple.security.scep.whatever", challenge, version=2)
        return scep_client.build_request(wish, temporary, bag, message_type=message_type), temporary, bag

    async def identity(self, desk: Desk, challenge: str, now: datetime, of: str = "identity") -> Keyed:
        """Get a certificate over SCEP."""
        request, temporary, bag = await self.request(desk, challenge, of=of)
        reply = scep_client.read_reply(await issuance.answer(desk, request.data, now=now), request, temporary, bag)
        assert reply.certificate is not None, reply
        return Keyed(reply.certificate, key(f"{of} of {self.serial}"))

    def sign_header(self, body: bytes, by: Keyed | None = None) -> str:
        who = by or self.mdm
        assert who is not None
        message = forge.indefinite(forge.signed(who, body, name="sha1", bare=True, detached=True))
        return base64.b64encode(message).decode()

    async def say(
        self, desk: Desk, now: datetime, message_type: str, *, by: Keyed | None = None, **keys: object
    ) -> Reply:
        """Send a check-in message; ``keys`` replace or add to what a Mac says, None leaves a key out."""
        said = {"MessageType": message_type, "UDID": self.udid, **keys}
        body = plist.dumps({name: value for name, value in said.items() if value is not None})
        return await checkin.answer(desk, body, self.sign_header(body, by), now=now)

    async def authenticate(
        self, desk: Desk, now: datetime, topic: str, *, by: Keyed | None = None, **keys: object
    ) -> Reply:
        said: dict[str, object] = {
            "Topic": topic,
            "DeviceName": "Ben's Mac",
            "Model": "VirtualMac2,1",
            "ModelName": "Virtual Machine",
            "SerialNumber": self.serial or None,
            "OSVersion": "13.0",
            "BuildVersion": "22A380",
            "ProductName": "VirtualMac2,1",
            "Challenge": b"undocumented",
        }
        return await self.say(desk, now, "Authenticate", by=by, **(said | keys))

    async def token_update(
        self, desk: Desk, now: datetime, topic: str, *, by: Keyed | None = None, **keys: object
    ) -> Reply:
        said: dict[str, object] = {"Topic": topic, "Token": b"\x01" * 32, "PushMagic": "magic"}
        return await self.say(desk, now, "TokenUpdate", by=by, **(said | keys))

    async def install_over_the_air(self, desk: Desk, session: EnrollmentSession, now: datetime) -> str:
        """Go from phase 1 to the MDM identity; returns the topic of the MDM payload."""
        first = challenge_of(await ota.phase_one(desk, session, now=now))
        second = challenge_of(await self.phase_two(desk, first, now))
        self.ota = await self.identity(desk, second, now, of="first identity")
        final = await self.phase_three(desk, now)
        self.mdm = await self.identity(desk, challenge_of(final), now)
        return str(payload(read_profile(final), "com.apple.mdm")["Topic"])

    async def install_profile(self, desk: Desk, session: EnrollmentSession, now: datetime) -> str:
        """Go from the single profile to the MDM identity; returns the topic of the MDM payload."""
        profile = await profiles.single_profile(desk, session, now=now)
        self.number += 1
        self.mdm = await self.identity(desk, challenge_of(profile), now, of=f"identity {self.number}")
        return str(payload(read_profile(profile), "com.apple.mdm")["Topic"])
