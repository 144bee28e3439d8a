"""The simulated Mac: the client side of everything, from the mailed link to the last check-in.

It knows no room: it reads what any Mac is sent, over HTTP, and stops (:class:`MacRefuses`) where a Mac would stop. Its
keys are made in threads, else it would wait for a server on the same event loop that waits for it.

:meth:`Mac.install` is the whole way of a profile; the methods below it are its steps, for tests that go astray.
"""

import asyncio
import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from cryptography import x509

from otae.apple import plist
from otae.errors import Refusal
from otae.rehearsal.connection import Answer, Line, Message, ServerRefuses, trust
from otae.rehearsal.hardware import Facts, Hardware, Shape, device_leaf, make_device_ca, sign_as_mac
from otae.rehearsal.identity import Client
from otae.rehearsal.profiles import (
    Configuration,
    MDMPayload,
    ProfileService,
    SCEPPayload,
    open_profile,
    read_configuration,
    read_profile_service,
)
from otae.rehearsal.report import MacRefuses, Note, Step, Walk
from otae.rehearsal.safari import Page, Safari
from otae.signing.certificates import Keyed

__all__ = [
    "Answer",
    "Facts",
    "Hardware",
    "Line",
    "Mac",
    "MacRefuses",
    "Message",
    "Note",
    "Page",
    "Safari",
    "ServerRefuses",
    "Shape",
    "Step",
    "Walk",
    "build_hardware",
    "device_leaf",
    "make_device_ca",
    "trust",
]

_AGENT: Final = {"User-Agent": "MDM-OSX/1.0 mdmclient/1683"}
_DEVICE_TYPE: Final = "application/pkcs7-signature"
_CHECKIN_TYPE: Final = "application/x-apple-aspen-mdm-checkin"
_COMMAND_TYPE: Final = "application/x-apple-aspen-mdm; charset=UTF-8"
#: What a refused step tells to look at.
_SERVER: Final = "the invitation's timeline (a refusal has a support code there) and the server's log"


def wall_clock() -> datetime:
    """The Mac's own clock."""
    return datetime.now(UTC)


class Mac:
    """One Mac on its ``line``.

    ``roots``: certificates it trusts for profiles; ``maker``: the authority that made it (:func:`make_device_ca`);
    ``shape``: how it writes; ``walk``: hears each step. ``profile_identity`` and ``identity`` are its certificates once
    it has them, ``management`` the MDM payload it installed.
    """

    def __init__(
        self,
        line: Line,
        roots: Sequence[x509.Certificate],
        hardware: Hardware,
        facts: Facts,
        *,
        shape: Shape | None = None,
        walk: Walk | None = None,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.line, self.roots, self.hardware, self.facts = line, tuple(roots), hardware, facts
        self.shape, self.walk, self._clock = shape or Shape(), walk or Walk(), clock
        self.profile_identity: Keyed | None = None
        self.identity: Keyed | None = None
        self.management: MDMPayload | None = None
        self._push = {"Token": secrets.token_bytes(32), "PushMagic": str(uuid4()).upper()}

    async def install(self, download: Answer) -> None:
        """Install a downloaded profile, over the air or at once, up to the MDM identity; check-ins follow separately.

        Raises MacRefuses and ServerRefuses.
        """
        with self.walk.step("profile", "the profile signer's certificate and the root that Macs trust") as note:
            profile = open_profile(download, self.roots, self._clock(), what="profile")
            note.words = str(profile["PayloadType"])
        if profile["PayloadType"] == "Profile Service":
            final = await self.over_the_air(read_profile_service(profile))
        else:
            final = read_configuration(profile)
        await self.take_management(final)

    async def over_the_air(self, service: ProfileService) -> Configuration:
        """Phases 2 and 3: the factory identity, an identity of the server's, the final profile."""
        with self.walk.step("phase 2", _SERVER) as note:
            body = await self.phase_two(service)
            answer = await self.post_device(service.url, body, name="phase-2")
            interim = self.read(answer, what="the answer to phase 2")
            note.words = f"{self.facts.serial} identified"
        with self.walk.step("identity", _SERVER) as note:
            self.profile_identity = await self.obtain(interim.scep, name="identity")
            note.words = _named(self.profile_identity)
        with self.walk.step("phase 3", _SERVER) as note:
            body = await self.phase_three(service, self.profile_identity)
            answer = await self.post_device(service.url, body, name="phase-3")
            final = self.read(answer, what="the answer to phase 3", recipient=self.profile_identity)
            note.words = f"trusted certificates: {len(final.certificates)}, SCEP, MDM"
        return final

    async def take_management(self, final: Configuration) -> None:
        """Obtain the identity of a profile that brings management, and hold it ready for check-ins."""
        if final.mdm is None:
            raise MacRefuses("the profile brings no management")
        if not set(final.certificates) & set(self.roots):
            raise MacRefuses("the profile does not bring the root that signed it")
        with self.walk.step("MDM identity", _SERVER) as note:
            self.identity = await self.obtain(final.scep, name="mdm-identity")
            note.words = _named(self.identity)
        self.management = final.mdm

    def read(self, answer: Answer, *, what: str, recipient: Keyed | None = None) -> Configuration:
        """The configuration profile in an answer, verified; ``recipient`` opens it where it is encrypted."""
        return read_configuration(open_profile(answer, self.roots, self._clock(), what=what), recipient)

    async def phase_two(self, service: ProfileService, *, challenge: str | None = None) -> bytes:
        """The signed attributes as the factory identity sends them, with the Challenge of the profile."""
        attributes = self.attributes(service.attributes) | {"CHALLENGE": challenge or service.challenge}
        return self.signed(attributes, self.hardware.identity, self.hardware.chain)

    async def phase_three(self, service: ProfileService, identity: Keyed) -> bytes:
        """The attributes again, signed by the identity that phase 2 led to, without a Challenge."""
        return self.signed(self.attributes(service.attributes), identity, ())

    def attributes(self, wanted: Sequence[str]) -> dict[str, object]:
        """The wanted DeviceAttributes, and what a Mac adds without being asked."""
        facts = self.facts
        known = {"UDID": facts.udid, "SERIAL": facts.serial, "PRODUCT": facts.product, "VERSION": facts.version}
        unasked = {
            "NotOnConsole": False,
            "UserID": facts.user_id,
            "UserShortName": facts.user_short_name,
            "UserLongName": facts.user_long_name,
        }
        return {key: known.get(key, "") for key in wanted} | unasked

    def signed(self, message: Mapping[str, object], signer: Keyed, chain: Sequence[x509.Certificate]) -> bytes:
        """A property list as signed message of this Mac's shape."""
        return sign_as_mac(plist.dumps(message), signer, chain, self.shape)

    async def post_device(self, url: str, body: bytes, *, name: str) -> Answer:
        """Send a message of phase 2 or 3."""
        headers = _AGENT | {"Content-Type": _DEVICE_TYPE}
        return await self.line.ask("POST", url, name=name, content=body, headers=headers)

    async def obtain(self, payload: SCEPPayload, *, name: str) -> Keyed:
        """The certificate a SCEP payload leads to."""
        return await Client(self.line, payload, self.shape, name=name).obtain(self._clock())

    async def check_in(self) -> None:
        """Authenticate, TokenUpdate on the device's and the person's channel, a bootstrap token, and the first Idle."""
        with self.walk.step("Authenticate", _SERVER):
            await self.say("Authenticate")
        with self.walk.step("TokenUpdate", _SERVER):
            await self.say("TokenUpdate")
        with self.walk.step("user channel", _SERVER):
            await self.say("TokenUpdate", **self.person())
        with self.walk.step("bootstrap token", _SERVER):
            token = secrets.token_bytes(32)
            await self.say("SetBootstrapToken", BootstrapToken=token, AwaitingConfiguration=False)
            held = await self.say("GetBootstrapToken", AwaitingConfiguration=False)
            if _bootstrap_token(held) != token:
                raise MacRefuses("another bootstrap token came back")
        with self.walk.step("Idle", _SERVER) as note:
            answer = await self.idle()
            note.words = "a command waits" if answer.content else "nothing to do"

    async def check_out(self) -> None:
        """Remove the MDM profile: CheckOut, and the identity is gone."""
        with self.walk.step("CheckOut", _SERVER):
            await self.say("CheckOut")
        self.identity = self.management = None

    async def say(self, message_type: str, **more: object) -> Answer:
        """One check-in message. Raises ServerRefuses unless the answer is 200."""
        answer = await self.put_checkin(self.message(message_type, **more), name=message_type)
        if answer.status != 200:
            raise ServerRefuses(message_type, answer)
        return answer

    def message(self, message_type: str, **more: object) -> dict[str, object]:
        """The keys of a check-in message of this Mac, ``more`` beside or instead of them."""
        facts, keys = self.facts, {"MessageType": message_type, "UDID": self.facts.udid}
        if message_type in ("Authenticate", "TokenUpdate", "CheckOut"):
            keys["Topic"] = self._managed().topic
        known: dict[str, dict[str, object]] = {
            "Authenticate": {
                "DeviceName": facts.device_name,
                "Model": facts.model,
                "ModelName": facts.model_name,
                "OSVersion": facts.os_version,
                "BuildVersion": facts.version,
                "ProductName": facts.product,
                "SerialNumber": facts.serial,
            },
            "TokenUpdate": {**self._push, "AwaitingConfiguration": False},
        }
        return {**keys, **known.get(message_type, {}), **more}

    def person(self) -> dict[str, object]:
        """The keys that turn a TokenUpdate into one of the local account's channel."""
        facts = self.facts
        return {
            "UserID": facts.user_id,
            "UserShortName": facts.user_short_name,
            "UserLongName": facts.user_long_name,
            "NotOnConsole": False,
            "Token": secrets.token_bytes(32),
            "PushMagic": str(uuid4()).upper(),
        }

    async def put_checkin(self, message: Mapping[str, object], *, name: str, signer: Keyed | None = None) -> Answer:
        """Send a check-in message, signed by this Mac's MDM identity or by ``signer``."""
        return await self._put(self._managed().checkin_url, plist.dumps(message), _CHECKIN_TYPE, name, signer)

    async def idle(self) -> Answer:
        """Ask for a command. Raises ServerRefuses unless the answer is 200; without content there is none."""
        body = plist.dumps({"Status": "Idle", "UDID": self.facts.udid})
        answer = await self._put(self._managed().server_url, body, _COMMAND_TYPE, "Idle", None)
        if answer.status != 200:
            raise ServerRefuses("Idle", answer)
        return answer

    async def _put(self, url: str, body: bytes, content_type: str, name: str, signer: Keyed | None) -> Answer:
        signer = signer or self.identity
        if signer is None:
            raise MacRefuses("this Mac has no MDM identity")
        signature = sign_as_mac(body, signer, (), self.shape, detached=True)
        self.line.messages.append(Message(f"{name}.signature", signature))
        header = {"Mdm-Signature": base64.b64encode(signature).decode("ascii"), "Content-Type": content_type}
        return await self.line.ask("PUT", url, name=name, content=body, headers=_AGENT | header)

    def _managed(self) -> MDMPayload:
        if self.management is None:
            raise MacRefuses("this Mac is not managed")
        return self.management


async def build_hardware(maker: Keyed, now: datetime) -> Hardware:
    """The factory identity of one Mac made by ``maker``, its keys made in a thread."""
    leaf = await asyncio.to_thread(device_leaf, maker, now)
    return Hardware(leaf, (maker.certificate,))


def _bootstrap_token(answer: Answer) -> object:
    try:
        return plist.loads(answer.content).get("BootstrapToken")
    except Refusal as refusal:
        raise MacRefuses("the answer to GetBootstrapToken cannot be read") from refusal


def _named(identity: Keyed) -> str:
    until = identity.certificate.not_valid_after_utc
    subject = identity.certificate.subject.rfc4514_string({x509.NameOID.SERIAL_NUMBER: "serialNumber"})
    return f"{subject}, until {until:%Y-%m-%d}"
