"""Device attributes of over-the-air delivery: phase 2 with the Challenge, phase 3 without."""

import plistlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.apple import ota, plist
from otae.apple.ota import DeviceAttributes
from otae.errors import PlistUnreadable, Refusal, TooLarge

# The keys and kinds of values that a Mac with macOS 13 was seen to send; the values are made up.
SENT: dict[str, object] = {
    "CHALLENGE": "one-time-secret",
    "IMEI": "",
    "MEID": "",
    "NotOnConsole": False,
    "PRODUCT": "VirtualMac2,1",
    "SERIAL": "ZTEST00001",
    "UDID": "00008103-001A2B3C4D5E001E",
    "UserID": "A1B2C3D4-0000-4000-8000-000000000001",
    "UserLongName": "Ben Baker",
    "UserShortName": "ben",
    "VERSION": "22A380",
}


def body(**changes: object) -> bytes:
    return plist.dumps({key: value for key, value in (SENT | changes).items() if value is not None})


def test_phase_two_gives_every_attribute() -> None:
    assert ota.parse_device_attributes(body()) == DeviceAttributes(
        udid="00008103-001A2B3C4D5E001E",
        serial="ZTEST00001",
        product="VirtualMac2,1",
        version="22A380",
        challenge="one-time-secret",
        user_id="A1B2C3D4-0000-4000-8000-000000000001",
        user_short_name="ben",
        user_long_name="Ben Baker",
        not_on_console=False,
    )


def test_phase_three_has_no_challenge() -> None:
    assert ota.parse_device_attributes(body(CHALLENGE=None)).challenge == ""


def test_a_binary_property_list_is_read_alike() -> None:
    as_binary = plistlib.dumps(SENT, fmt=plistlib.FMT_BINARY)
    assert ota.parse_device_attributes(as_binary) == ota.parse_device_attributes(body())


def test_the_challenge_does_not_print() -> None:
    assert "secret" not in repr(ota.parse_device_attributes(body()))


@pytest.mark.parametrize("absent", [None, ""])
def test_a_missing_udid_is_refused_and_nothing_else(absent: str | None) -> None:
    with pytest.raises(PlistUnreadable) as refused:
        ota.parse_device_attributes(body(UDID=absent))
    assert refused.value.detail == "UDID is missing"
    read = ota.parse_device_attributes(body(SERIAL=absent, PRODUCT=absent, VERSION=absent))
    assert (read.serial, read.product, read.version) == ("", "", "")


def test_what_is_only_shown_is_one_clean_line() -> None:
    read = ota.parse_device_attributes(body(PRODUCT="VMware7,1\n", VERSION=7, UserLongName="Ben\tBaker " * 100))
    assert (read.product, read.version) == ("VMware7,1", "")
    assert read.user_long_name.startswith("Ben Baker Ben")
    assert len(read.user_long_name) <= 255


@pytest.mark.parametrize("key", ["UDID", "SERIAL", "UserID"])
@pytest.mark.parametrize("value", ["x' OR 1=1--", "<b>", "a" * 10_000, 7, b"x", ["x"]])
def test_an_attribute_out_of_form_is_refused(key: str, value: object) -> None:
    with pytest.raises(PlistUnreadable):
        ota.parse_device_attributes(body(**{key: value}))


@pytest.mark.parametrize("value", [b"one-time-secret", 1, "a" * 513, "a\nb"])
def test_a_challenge_out_of_form_is_refused(value: object) -> None:
    with pytest.raises(PlistUnreadable):
        ota.parse_device_attributes(body(CHALLENGE=value))


def test_a_challenge_is_found_whatever_else_is_wrong() -> None:
    assert ota.claimed_challenge(body(UDID="x' OR 1=1--", SERIAL=7)) == "one-time-secret"
    assert ota.claimed_challenge(body(CHALLENGE=None)) == ""
    for unreadable in (b"", b"<plist", body(CHALLENGE=b"data"), body(CHALLENGE="a" * 513), b"x" * (ota.MAX_BYTES + 1)):
        assert ota.claimed_challenge(unreadable) == ""


def test_more_than_the_door_takes_is_refused() -> None:
    with pytest.raises(TooLarge):
        ota.parse_device_attributes(body(PADDING="a" * ota.MAX_BYTES))


def test_signed_attributes_cannot_pass_for_content() -> None:
    der_set = bytes.fromhex("311a301806092a864886f70d010903310b06092a864886f70d010701")
    with pytest.raises(PlistUnreadable):
        ota.parse_device_attributes(der_set)


@given(st.dictionaries(st.sampled_from(sorted(SENT)), st.one_of(st.text(), st.binary(), st.integers()), max_size=3))
def test_nothing_but_a_refusal_escapes(changes: dict[str, object]) -> None:
    with suppress(Refusal, ValueError, OverflowError):
        data = body(**changes)
        with suppress(Refusal):
            ota.parse_device_attributes(data)
