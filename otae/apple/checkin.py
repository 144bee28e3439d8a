"""Reads check-in messages (CheckInURL): one frozen type per MessageType, with Apple's names in snake case.

Only device enrollments are offered, so a UDID is required. Unknown keys are ignored, because real Macs send some that
no page describes (Authenticate's Challenge).
https://developer.apple.com/documentation/devicemanagement/check-in
"""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Final, Self

from otae.apple import plist
from otae.apple.fields import TOPIC, UDID, USER_ID, Fields
from otae.errors import CheckinUnreadable

_PUSH_TOKEN_BYTES = 256
_SMALL_DATA_BYTES = 16 * 1024
_STATUS_REPORT_BYTES = plist.MAX_BYTES


class Checkin(ABC):
    """A check-in message. Its class is named after its MessageType."""

    __slots__ = ()
    udid: str

    @classmethod
    @abstractmethod
    def read(cls, fields: Fields) -> Self:
        """Read the message's keys. Raises CheckinUnreadable for one that is missing or of a wrong type or form."""


@dataclass(frozen=True, slots=True)
class Authenticate(Checkin):
    """The Mac begins or renews its enrollment.

    ``model``: ProductName when the Mac sends no Model. Every text but ``topic`` and ``udid`` may be "".
    https://developer.apple.com/documentation/devicemanagement/authenticaterequest
    """

    topic: str
    udid: str
    device_name: str
    model: str
    model_name: str
    serial_number: str
    os_version: str
    build_version: str
    product_name: str

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """See `Checkin.read`."""
        product_name = fields.display_text("ProductName", longest=64)
        return cls(
            topic=fields.required_form("Topic", TOPIC),
            udid=fields.required_form("UDID", UDID),
            device_name=fields.display_text("DeviceName", longest=200),
            model=fields.display_text("Model", longest=64) or product_name,
            model_name=fields.display_text("ModelName", longest=100),
            serial_number=fields.serial("SerialNumber"),
            os_version=fields.display_text("OSVersion", longest=32),
            build_version=fields.display_text("BuildVersion", longest=32),
            product_name=product_name,
        )


@dataclass(frozen=True, slots=True)
class TokenUpdate(Checkin):
    """The push token and PushMagic of the Mac, or of one user on it.

    ``user_id`` is "" on the device channel; a user's values must never overwrite the device's.
    https://developer.apple.com/documentation/devicemanagement/tokenupdaterequest
    """

    topic: str
    udid: str
    token: bytes = field(repr=False)
    push_magic: str = field(repr=False)
    awaiting_configuration: bool = False
    user_id: str = ""
    user_short_name: str = ""
    user_long_name: str = ""
    not_on_console: bool = False

    @property
    def is_user_channel(self) -> bool:
        """Whether the message belongs to a user of the Mac, and not to the Mac itself."""
        return bool(self.user_id)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """See `Checkin.read`."""
        return cls(
            topic=fields.required_form("Topic", TOPIC),
            udid=fields.required_form("UDID", UDID),
            token=fields.required_data("Token", longest=_PUSH_TOKEN_BYTES),
            push_magic=fields.required_text("PushMagic"),
            awaiting_configuration=fields.flag("AwaitingConfiguration"),
            user_id=fields.form("UserID", USER_ID),
            user_short_name=fields.display_text("UserShortName", longest=200),
            user_long_name=fields.display_text("UserLongName", longest=200),
            not_on_console=fields.flag("NotOnConsole"),
        )


@dataclass(frozen=True, slots=True)
class CheckOut(Checkin):
    """The MDM profile was removed.

    https://developer.apple.com/documentation/devicemanagement/checkoutrequest
    """

    topic: str
    udid: str

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """See `Checkin.read`."""
        return cls(topic=fields.required_form("Topic", TOPIC), udid=fields.required_form("UDID", UDID))


@dataclass(frozen=True, slots=True)
class SetBootstrapToken(Checkin):
    """The Mac stores its bootstrap token on the server; None deletes it.

    https://developer.apple.com/documentation/devicemanagement/setbootstraptokenrequest
    """

    udid: str
    bootstrap_token: bytes | None = field(repr=False)
    awaiting_configuration: bool = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """See `Checkin.read`."""
        return cls(
            udid=fields.required_form("UDID", UDID),
            bootstrap_token=fields.data("BootstrapToken", longest=_SMALL_DATA_BYTES),
            awaiting_configuration=fields.flag("AwaitingConfiguration"),
        )


@dataclass(frozen=True, slots=True)
class GetBootstrapToken(Checkin):
    """The Mac asks for its bootstrap token.

    https://developer.apple.com/documentation/devicemanagement/getbootstraptokenrequest
    """

    udid: str
    awaiting_configuration: bool = False

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """See `Checkin.read`."""
        return cls(udid=fields.required_form("UDID", UDID), awaiting_configuration=fields.flag("AwaitingConfiguration"))


@dataclass(frozen=True, slots=True)
class UserAuthenticate(Checkin):
    """A directory user signs in at the Mac.

    ``digest_response`` is "" in the first of the two messages.
    https://developer.apple.com/documentation/devicemanagement/userauthenticaterequest
    """

    udid: str
    user_id: str
    digest_response: str = field(default="", repr=False)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """See `Checkin.read`."""
        return cls(
            udid=fields.required_form("UDID", UDID),
            user_id=fields.required_form("UserID", USER_ID),
            digest_response=fields.text("DigestResponse", longest=4096),
        )


@dataclass(frozen=True, slots=True)
class DeclarativeManagement(Checkin):
    """The Mac requests declarations or reports their status.

    https://developer.apple.com/documentation/devicemanagement/declarativemanagementrequest
    """

    udid: str
    endpoint: str
    data: bytes | None = field(repr=False)
    user_id: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """See `Checkin.read`."""
        return cls(
            udid=fields.required_form("UDID", UDID),
            endpoint=fields.required_text("Endpoint", longest=1024),
            data=fields.data("Data", longest=_STATUS_REPORT_BYTES),
            user_id=fields.form("UserID", USER_ID),
        )


@dataclass(frozen=True, slots=True)
class GetToken(Checkin):
    """The Mac asks for a service token.

    https://developer.apple.com/documentation/devicemanagement/gettokenrequest
    """

    udid: str
    token_service_type: str
    user_id: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """See `Checkin.read`."""
        return cls(
            udid=fields.required_form("UDID", UDID),
            token_service_type=fields.required_text("TokenServiceType"),
            user_id=fields.form("UserID", USER_ID),
        )


#: Every check-in message by its MessageType; `mdm.checkin` has the answer to each.
MESSAGE_TYPES: Final[dict[str, type[Checkin]]] = {
    kind.__name__: kind
    for kind in (
        Authenticate,
        TokenUpdate,
        CheckOut,
        SetBootstrapToken,
        GetBootstrapToken,
        UserAuthenticate,
        DeclarativeManagement,
        GetToken,
    )
}


def parse(data: bytes) -> Checkin:
    """Read the body of a check-in (XML, at most 1 MiB); it is not authenticated here.

    Raises:
        TooLarge, PlistUnreadable: as `plist.loads`.
        CheckinUnreadable: an unknown MessageType, a missing key, or a value of a wrong type or form.
    """
    fields = Fields(plist.loads(data))
    kind = MESSAGE_TYPES.get(fields.required_text("MessageType", longest=64))
    if kind is None:
        raise CheckinUnreadable("an unknown MessageType")
    return kind.read(fields)


def bootstrap_token_answer(token: bytes | None) -> bytes:
    """Return the answer to GetBootstrapToken: a property list, or b"" when no bootstrap token is stored."""
    return b"" if token is None else plist.dumps({"BootstrapToken": token})


def unrecognized_device() -> tuple[bytes, str]:
    """Return body and Content-Type of the 403 that makes a Mac (macOS 14 and later) unenroll; never send it by default.

    Apple's schema mdm/errors/unrecognized.device.yaml (github.com/apple/device-management).
    """
    return json.dumps({"code": "com.apple.unrecognized.device"}).encode(), "application/json"
