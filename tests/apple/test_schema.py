"""The judge itself: it finds what is wrong, so that its silence means something."""

from typing import Any, cast

import pytest

from otae.apple import commands, payloads, plist
from otae.apple.payloads import MDM, SCEP, ProfileIssuer
from tests.apple import schema

ISSUING = ProfileIssuer("org.example.otae", "Example", "Example enrollment")


def broken(*, payload: int | None, inside: bool = False, **changes: object) -> bytes:
    """An enrollment profile with keys changed (None: removed), at the top or in the payload of that number."""
    scep = SCEP("https://mdm.example.test/scep", "otae", "one-time", (("CN", "x"),), bytes(20))
    mdm = MDM("com.apple.mgmt.x", "https://mdm.example.test/mdm/connect", "https://mdm.example.test/mdm/checkin")
    profile = plist.loads(payloads.enrollment_profile(ISSUING, [b"root"], scep, mdm))
    changed = profile if payload is None else cast("list[dict[str, Any]]", profile["PayloadContent"])[payload]
    changed = cast("dict[str, object]", changed["PayloadContent"]) if inside else changed
    for name, value in changes.items():
        key = name.replace("_", " ")
        changed[key] = value
        if value is None:
            del changed[key]
    return plist.dumps(profile)


BROKEN = {
    "nothing changed": ({"payload": None}, ""),
    "unknown top key": ({"payload": None, "PayloadScopes": "System"}, "unknown key PayloadScopes"),
    "missing identifier": (
        {"payload": None, "PayloadIdentifier": "a", "PayloadVersion": None},
        "PayloadVersion is miss",
    ),
    "scope out of list": ({"payload": None, "PayloadScope": "Mac"}, "'Mac' is none of"),
    "flag as text": ({"payload": None, "PayloadRemovalDisallowed": "true"}, "str instead of <boolean>"),
    "flag as number": ({"payload": None, "PayloadVersion": True}, "bool instead of <integer>"),
    "content not needed when encrypted": ({"payload": None, "IsEncrypted": True}, "EncryptedPayloadContent is missing"),
    "certificate as text": ({"payload": 0, "PayloadContent": "cm9vdA=="}, "str instead of <data>"),
    "key size out of list": ({"payload": 1, "inside": True, "Keysize": 512}, "512 is none of"),
    "key type without space": ({"payload": 1, "inside": True, "KeyType": "RSA"}, "unknown key KeyType"),
    "subject pair of three": ({"payload": 1, "inside": True, "Subject": [[["CN", "a", "b"]]]}, "3 items"),
    "url missing": ({"payload": 1, "inside": True, "URL": None}, "URL is missing"),
    "http": ({"payload": 2, "ServerURL": "http://mdm.example.test"}, "is not ^https"),
    "capability unknown": ({"payload": 2, "ServerCapabilities": ["com.apple.mdm"]}, "is none of"),
    "removed in macOS 15": ({"payload": 2, "ManagedAppleID": "ada@example.test"}, "unknown key ManagedAppleID"),
    "identity elsewhere": (
        {"payload": 2, "IdentityCertificateUUID": "00000000-0000-4000-8000-000000000000"},
        "names no identity",
    ),
    "pinned elsewhere": ({"payload": 2, "ServerURLPinningCertificateUUIDs": ["A"]}, "names a certificate that is not"),
    "identifier twice": ({"payload": 2, "PayloadIdentifier": "org.example.otae.enroll.scep"}, "stands 2 times"),
    "lower-case UUID": ({"payload": 0, "PayloadUUID": "0" * 8 + "-aaaa-4aaa-8aaa-" + "a" * 12}, "no upper-case UUID"),
}


@pytest.mark.parametrize(("changes", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_the_judge_finds_what_is_wrong_in_a_profile(changes: dict[str, Any], expected: str) -> None:
    found = schema.profile_findings(broken(**changes))
    assert any(expected in line for line in found) if expected else found == []


def test_the_judge_finds_what_is_wrong_in_phase_one() -> None:
    profile = plist.loads(payloads.profile_service(ISSUING, url="https://mdm.example.test", challenge="x"))
    inner = cast("dict[str, object]", profile["PayloadContent"])
    for change in ({"URL": "http://a"}, {"DeviceAttributes": ["COLOR"]}, {"DeviceAttributes": None}, {"SIGN": True}):
        changed = {key: value for key, value in (inner | change).items() if value is not None}
        assert schema.profile_service_findings(plist.dumps(profile | {"PayloadContent": changed}))
    assert schema.profile_service_findings(plist.dumps(profile | {"PayloadContent": [inner]}))
    assert schema.profile_service_findings(plist.dumps(profile | {"PayloadScope": "System"}))


def test_the_judge_finds_what_is_wrong_in_a_command() -> None:
    assert schema.command_findings(commands.command("1", "InstallProfile"), "profile.install")
    assert schema.command_findings(commands.command("1", "InstallProfile", Payload="x"), "profile.install")
    assert schema.command_findings(commands.command("1", "ProfileLists"), "profile.list")
    assert schema.command_findings(commands.device_information("1", ["IMEI"]), "information.device")


def test_the_judge_knows_the_channels_of_a_check_in() -> None:
    message: dict[str, object] = {
        "MessageType": "TokenUpdate",
        "Topic": "com.apple.mgmt.x",
        "UDID": "00000000-1111-2222-3333-444455556666",
        "Token": b"x",
        "PushMagic": "y",
    }
    assert schema.checkin_findings(plist.dumps(message)) == []
    assert schema.checkin_findings(plist.dumps(message), user_channel=True) == [
        "tokenupdate: NotOnConsole is missing",
        "tokenupdate: UserLongName is missing",
    ]
