"""Reads the device attributes that a Mac posts in phases 2 and 3 of over-the-air enrollment.

Apple archive, "Over-the-Air Profile Delivery and Configuration".
"""

from dataclasses import dataclass, field

from otae.apple import plist
from otae.apple.fields import UDID, USER_ID, Fields
from otae.errors import PlistUnreadable, Unreadable

MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class DeviceAttributes:
    """What the Mac says about itself: only as trustworthy as the signature around it and the Challenge in it.

    ``version``: the build ("22A380"); ``challenge``: "" in phase 3; ``user_id`` and the user names: the local account
    that installed the profile. Every text but ``udid`` may be "".
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
    """Return the Challenge, whatever the other attributes are; "" when there is none, or the data is unreadable."""
    try:
        fields = Fields(plist.loads(data, max_bytes=MAX_BYTES, binary=True), PlistUnreadable)
        return fields.text("CHALLENGE", longest=512)
    except Unreadable:
        return ""


def parse_device_attributes(data: bytes) -> DeviceAttributes:
    """Read the content of the signed message (XML or binary property list, at most 64 KiB).

    Unknown attributes (IMEI, MEID, …) are ignored.

    Raises:
        TooLarge: as `plist.loads`.
        PlistUnreadable: no property list, or a malformed UDID, serial number or Challenge.
    """
    fields = Fields(plist.loads(data, max_bytes=MAX_BYTES, binary=True), PlistUnreadable)
    return DeviceAttributes(
        udid=fields.required_form("UDID", UDID),
        serial=fields.serial("SERIAL"),
        product=fields.display_text("PRODUCT", longest=64),
        version=fields.display_text("VERSION", longest=32),
        challenge=fields.text("CHALLENGE", longest=512),
        user_id=fields.form("UserID", USER_ID),
        user_short_name=fields.display_text("UserShortName"),
        user_long_name=fields.display_text("UserLongName"),
        not_on_console=fields.flag("NotOnConsole"),
    )
