"""What a Mac posts in phases 2 and 3 of over-the-air delivery: its attributes, as asked for by the Profile Service.

Apple archive, "Over-the-Air Profile Delivery and Configuration".
"""

from dataclasses import dataclass, field

from otae.apple import plist
from otae.apple.fields import UDID, USER_ID, Fields
from otae.errors import PlistUnreadable, Unreadable

MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class DeviceAttributes:
    """Who the Mac says it is. Believed only as far as the signature around it and the Challenge in it.

    ``version`` is the build ("22A380"); ``challenge`` is "" in phase 3; the ``user_`` values name the local account
    that installed the profile. All but ``udid`` are "" when the Mac did not say.
    """

    udid: str
    serial: str
    product: str
    version: str
    challenge: str = field(default="", repr=False)
    user_id: str = ""
    user_short_name: str = ""
    user_long_name: str = ""
    not_on_console: bool = False


def claimed_challenge(data: bytes) -> str:
    """Read the Challenge alone, whatever the other attributes are; "" where there is none, or nothing can be read."""
    try:
        return Fields(plist.loads(data, max_bytes=MAX_BYTES, binary=True), PlistUnreadable).text(
            "CHALLENGE", longest=512
        )
    except Unreadable:
        return ""


def parse_device_attributes(data: bytes) -> DeviceAttributes:
    """Read the content of the signed message (XML or binary property list, at most 64 KiB).

    Raises TooLarge, and PlistUnreadable also when what identifies the Mac, or its Challenge, is out of form. Unknown
    attributes (IMEI, MEID, …) are let pass.
    """
    fields = Fields(plist.loads(data, max_bytes=MAX_BYTES, binary=True), PlistUnreadable)
    return DeviceAttributes(
        udid=fields.required_form("UDID", UDID),
        serial=fields.serial("SERIAL"),
        product=fields.shown("PRODUCT", longest=64),
        version=fields.shown("VERSION", longest=32),
        challenge=fields.text("CHALLENGE", longest=512),
        user_id=fields.form("UserID", USER_ID),
        user_short_name=fields.shown("UserShortName"),
        user_long_name=fields.shown("UserLongName"),
        not_on_console=fields.flag("NotOnConsole"),
    )
