"""The simulated Mac: the client side of an enrollment, from the downloaded profile to CheckOut.

It uses no other room: it reads what any Mac receives over HTTP, and raises :class:`MacRefuses` where a Mac would stop.
Its keys are made in threads, because the server it waits for may run on the same event loop.

:meth:`Mac.install` does all steps of a profile; the methods below it are the single steps, for tests that deviate.
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
from otae.rehearsal.connection import MacConnection, RecordedBody, ServerResponse
from otae.rehearsal.hardware import DeviceFacts, Hardware, MessageFormat, device_leaf, sign_as_mac
from otae.rehearsal.identity import ScepClient
from otae.rehearsal.profiles import (
    Configuration,
    MDMPayload,
    ProfileService,
    SCEPPayload,
    open_profile,
    read_configuration,
    read_profile_service,
)
from otae.rehearsal.report import MacRefuses, StepRecorder
from otae.signing.certificates import Keyed

_AGENT: Final = {"User-Agent": "MDM-OSX/1.0 mdmclient/1683"}
_DEVICE_TYPE: Final = "application/pkcs7-signature"
_CHECKIN_TYPE: Final = "application/x-apple-aspen-mdm-checkin"
_COMMAND_TYPE: Final = "application/x-apple-aspen-mdm; charset=UTF-8"
#: Where to look after a step that the server refused.
_SERVER: Final = "the invitation's timeline (a refusal has a support code there) and the server's log"


def wall_clock() -> datetime:
    """Return the Mac's own time."""
    return datetime.now(UTC)


class Mac:
    """One simulated Mac.

    ``profile_identity`` and ``identity`` are its certificates once it has them, ``management`` the MDM payload that it
    installed.

    Args:
        roots: Certificates that it trusts as issuers of profiles.
        message_format: How it encodes its messages.
        recorder: Records each step.
    """

    def __init__(
        self,
        connection: MacConnection,
        roots: Sequence[x509.Certificate],
        hardware: Hardware,
        facts: DeviceFacts,
        *,
        message_format: MessageFormat | None = None,
        recorder: StepRecorder | None = None,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.connection, self.roots, self.hardware, self.facts = connection, tuple(roots), hardware, facts
        self.message_format, self.recorder = message_format or MessageFormat(), recorder or StepRecorder()
        self._clock = clock
        self.profile_identity: Keyed | None = None
        self.identity: Keyed | None = None
        self.management: MDMPayload | None = None
        self._push = {"Token": secrets.token_bytes(32), "PushMagic": str(uuid4()).upper()}

    async def install(self, download: ServerResponse) -> None:
        """Install a downloaded profile, of either kind, and obtain the MDM identity; call `check_in` afterwards.

        Raises MacRefuses where a Mac would stop, and ServerRefuses when the server refuses a request.
        """
        with self.recorder.step("profile", "the profile signer's certificate and the root that Macs trust") as note:
            profile = open_profile(download, self.roots, self._clock(), what="profile")
            note.words = str(profile["PayloadType"])
        if profile["PayloadType"] == "Profile Service":
            final = await self.over_the_air(read_profile_service(profile))
        else:
            final = read_configuration(profile)
        await self.install_mdm(final)

    async def over_the_air(self, service: ProfileService) -> Configuration:
        """Do phases 2 and 3 and return the final profile.

        Phase 2 is signed with the factory identity, phase 3 with the identity that the server issued after phase 2.
        """
        with self.recorder.step("phase 2", _SERVER) as note:
            body = await self.phase_two(service)
            answer = await self.post_device(service.url, body, name="phase-2")
            interim = self.read(answer, what="the answer to phase 2")
            note.words = f"{self.facts.serial} identified"
        with self.recorder.step("identity", _SERVER) as note:
            self.profile_identity = await self.obtain(interim.scep, name="identity")
            note.words = _describe(self.profile_identity)
        with self.recorder.step("phase 3", _SERVER) as note:
            body = await self.phase_three(service, self.profile_identity)
            answer = await self.post_device(service.url, body, name="phase-3")
            final = self.read(answer, what="the answer to phase 3", recipient=self.profile_identity)
            note.words = f"trusted certificates: {len(final.certificates)}, SCEP, MDM"
        return final

    async def install_mdm(self, final: Configuration) -> None:
        """Obtain the MDM identity of the final profile and keep it with the MDM payload for check-ins."""
        if final.mdm is None:
            raise MacRefuses("the profile brings no management")
        if not set(final.certificates) & set(self.roots):
            raise MacRefuses("the profile does not bring the root that signed it")
        with self.recorder.step("MDM identity", _SERVER) as note:
            self.identity = await self.obtain(final.scep, name="mdm-identity")
            note.words = _describe(self.identity)
        self.management = final.mdm

    def read(self, answer: ServerResponse, *, what: str, recipient: Keyed | None = None) -> Configuration:
        """Return the configuration profile in an answer, verified; ``recipient`` decrypts its payloads."""
        return read_configuration(open_profile(answer, self.roots, self._clock(), what=what), recipient)

    async def phase_two(self, service: ProfileService, *, challenge: str | None = None) -> bytes:
        """Return the device attributes with the profile's Challenge, signed by the factory identity."""
        attributes = self.attributes(service.attributes) | {"CHALLENGE": challenge or service.challenge}
        return self.signed(attributes, self.hardware.identity, self.hardware.chain)

    async def phase_three(self, service: ProfileService, identity: Keyed) -> bytes:
        """Return the device attributes without a Challenge, signed by the identity obtained after phase 2."""
        return self.signed(self.attributes(service.attributes), identity, ())

    def attributes(self, requested: Sequence[str]) -> dict[str, object]:
        """Return the requested DeviceAttributes and those that a Mac adds unasked."""
        facts = self.facts
        known = {"UDID": facts.udid, "SERIAL": facts.serial, "PRODUCT": facts.product, "VERSION": facts.version}
        return {**{key: known.get(key, "") for key in requested}, **self._local_account()}

    def signed(self, message: Mapping[str, object], signer: Keyed, chain: Sequence[x509.Certificate]) -> bytes:
        """Return ``message`` as a signed property list in this Mac's message format."""
        return sign_as_mac(plist.dumps(message), signer, chain, self.message_format)

    async def post_device(self, url: str, body: bytes, *, name: str) -> ServerResponse:
        """Send a message of phase 2 or 3."""
        headers = _AGENT | {"Content-Type": _DEVICE_TYPE}
        return await self.connection.request("POST", url, name=name, content=body, headers=headers)

    async def obtain(self, payload: SCEPPayload, *, name: str) -> Keyed:
        """Return the identity of a SCEP payload."""
        return await ScepClient(self.connection, payload, self.message_format, name=name).obtain(self._clock())

    async def check_in(self) -> None:
        """Send Authenticate, TokenUpdate for the device and the user channel, a bootstrap token, and the first Idle."""
        with self.recorder.step("Authenticate", _SERVER):
            await self.send_checkin("Authenticate")
        with self.recorder.step("TokenUpdate", _SERVER):
            await self.send_checkin("TokenUpdate")
        with self.recorder.step("user channel", _SERVER):
            await self.send_checkin("TokenUpdate", **self.user_channel())
        with self.recorder.step("bootstrap token", _SERVER):
            token = secrets.token_bytes(32)
            await self.send_checkin("SetBootstrapToken", BootstrapToken=token, AwaitingConfiguration=False)
            reply = await self.send_checkin("GetBootstrapToken", AwaitingConfiguration=False)
            if _bootstrap_token(reply) != token:
                raise MacRefuses("another bootstrap token came back")
        with self.recorder.step("Idle", _SERVER) as note:
            answer = await self.idle()
            note.words = "a command waits" if answer.content else "nothing to do"

    async def check_out(self) -> None:
        """Remove the MDM profile: send CheckOut and forget the identity."""
        with self.recorder.step("CheckOut", _SERVER):
            await self.send_checkin("CheckOut")
        self.identity = self.management = None

    async def send_checkin(self, message_type: str, **keys: object) -> ServerResponse:
        """Send one check-in message, with ``keys`` added or replaced; ServerRefuses unless the response is 200."""
        answer = await self.put_checkin(self.message(message_type, **keys), name=message_type)
        return answer.expect_ok(message_type)

    def message(self, message_type: str, **more: object) -> dict[str, object]:
        """Return a check-in message of this Mac; ``more`` adds or replaces keys."""
        facts, keys = self.facts, {"MessageType": message_type, "UDID": self.facts.udid}
        if message_type in ("Authenticate", "TokenUpdate", "CheckOut"):
            keys["Topic"] = self._mdm_payload().topic
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

    def user_channel(self) -> dict[str, object]:
        """Return the keys with which a TokenUpdate is about the user channel of the local account."""
        return {**self._local_account(), "Token": secrets.token_bytes(32), "PushMagic": str(uuid4()).upper()}

    def _local_account(self) -> dict[str, object]:
        facts = self.facts
        names = {"UserShortName": facts.user_short_name, "UserLongName": facts.user_long_name}
        return {"NotOnConsole": False, "UserID": facts.user_id, **names}

    async def put_checkin(
        self, message: Mapping[str, object], *, name: str, signer: Keyed | None = None
    ) -> ServerResponse:
        """Send a check-in message, signed by this Mac's MDM identity or by ``signer``."""
        return await self._put(self._mdm_payload().checkin_url, plist.dumps(message), _CHECKIN_TYPE, name, signer)

    async def idle(self) -> ServerResponse:
        """Ask for a command; an empty answer means that there is none. ServerRefuses unless the answer is 200."""
        body = plist.dumps({"Status": "Idle", "UDID": self.facts.udid})
        answer = await self._put(self._mdm_payload().server_url, body, _COMMAND_TYPE, "Idle", None)
        return answer.expect_ok("Idle")

    async def _put(self, url: str, body: bytes, content_type: str, name: str, signer: Keyed | None) -> ServerResponse:
        signer = signer or self.identity
        if signer is None:
            raise MacRefuses("this Mac has no MDM identity")
        signature = sign_as_mac(body, signer, (), self.message_format, detached=True)
        self.connection.bodies.append(RecordedBody(f"{name}.signature", signature))
        header = {"Mdm-Signature": base64.b64encode(signature).decode("ascii"), "Content-Type": content_type}
        return await self.connection.request("PUT", url, name=name, content=body, headers=_AGENT | header)

    def _mdm_payload(self) -> MDMPayload:
        if self.management is None:
            raise MacRefuses("this Mac is not managed")
        return self.management


async def build_hardware(maker: Keyed, now: datetime) -> Hardware:
    """Return a factory identity issued by ``maker``, its key made in a thread."""
    leaf = await asyncio.to_thread(device_leaf, maker, now)
    return Hardware(leaf, (maker.certificate,))


def _bootstrap_token(answer: ServerResponse) -> object:
    try:
        return plist.loads(answer.content).get("BootstrapToken")
    except Refusal as refusal:
        raise MacRefuses("the answer to GetBootstrapToken cannot be read") from refusal


def _describe(identity: Keyed) -> str:
    until = identity.certificate.not_valid_after_utc
    subject = identity.certificate.subject.rfc4514_string({x509.NameOID.SERIAL_NUMBER: "serialNumber"})
    return f"{subject}, until {until:%Y-%m-%d}"
