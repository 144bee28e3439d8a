"""Profiles: each fits Apple's schemas, keeps its identifiers, carries fresh UUIDs, and cannot be broken by a name."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.apple import payloads, plist
from otae.apple.payloads import MDM, SCEP, ProfileIssuer
from tests.apple import schema

HARD_NAME = 'Ben & Söhne <"\'"> ]]> <!-- ${x} {{ x }} %s \U0001f4bb'

ISSUING = ProfileIssuer("org.example.otae", "Example", "Example enrollment", "Brings this Mac under management.")
ROOT, SECOND_ROOT, ISSUER = b"\x30\x03root", b"\x30\x03next", b"\x30\x03ca"
MDM_HERE = MDM(
    "com.apple.mgmt.External.0f1e", "https://mdm.example.test/mdm/connect", "https://mdm.example.test/mdm/checkin"
)


def request(
    challenge: str = "one-time", subject: tuple[tuple[str, str], ...] = (("O", "Example"), ("CN", "ota-1"))
) -> SCEP:
    fingerprint = hashlib.sha1(ISSUER, usedforsecurity=False).digest()
    return SCEP("https://mdm.example.test/scep", "otae", challenge, subject, fingerprint)


def enrollment(issuing: ProfileIssuer = ISSUING) -> bytes:
    return payloads.enrollment_profile(issuing, [ROOT, SECOND_ROOT], request(), MDM_HERE, intermediates=[ISSUER])


def phase_one(issuing: ProfileIssuer = ISSUING) -> bytes:
    return payloads.profile_service(issuing, url="https://mdm.example.test/zdm/macos/otae/device", challenge="one-time")


CONFIGURATIONS: dict[str, Callable[[ProfileIssuer], bytes]] = {
    "identity": lambda issuing: payloads.identity_profile(issuing, request()),
    "enrollment": enrollment,
    "encrypted": lambda issuing: payloads.encrypted_profile(issuing, b"\x30\x80envelope"),
    "trust": lambda issuing: payloads.trust_profile(issuing, ROOT),
}
EVERY = {**CONFIGURATIONS, "profile service": phase_one}

configurations = pytest.mark.parametrize("make", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())


def content(profile: bytes) -> list[Mapping[str, Any]]:
    return cast("list[Mapping[str, Any]]", plist.loads(profile)["PayloadContent"])


def of_type(found: list[Mapping[str, Any]], payload_type: str) -> list[Mapping[str, Any]]:
    return [payload for payload in found if payload["PayloadType"] == payload_type]


def values_of(value: object, name: str) -> list[object]:
    if isinstance(value, dict):
        here = [value[name]] if name in value else []
        return here + [found for item in value.values() for found in values_of(item, name)]
    if isinstance(value, list):
        return [found for item in value for found in values_of(item, name)]
    return []


@configurations
def test_every_configuration_profile_fits_the_schemas_of_apple(make: Callable[[ProfileIssuer], bytes]) -> None:
    assert schema.profile_findings(make(ISSUING)) == []
    assert schema.profile_findings(make(ProfileIssuer("org.example.otae", HARD_NAME, HARD_NAME))) == []


def test_the_content_to_be_encrypted_fits_the_schemas_inside_its_profile() -> None:
    inner = plist.loads_array(payloads.enrollment_content(ISSUING, [ROOT], request(), MDM_HERE))
    outer = plist.loads(payloads.encrypted_profile(ISSUING, b"envelope"))
    assert schema.content_findings(inner, outer) == []


def test_the_profile_service_profile_has_the_documented_shape() -> None:
    assert schema.profile_service_findings(phase_one()) == []
    profile = plist.loads(phase_one())
    assert profile["PayloadType"] == "Profile Service"
    assert profile["PayloadContent"] == {
        "URL": "https://mdm.example.test/zdm/macos/otae/device",
        "DeviceAttributes": ["UDID", "VERSION", "PRODUCT", "SERIAL"],
        "Challenge": "one-time",
    }
    assert "PayloadScope" not in profile


@every
def test_identifiers_stay_and_uuids_are_fresh(make: Callable[[ProfileIssuer], bytes]) -> None:
    first, second = plist.loads(make(ISSUING)), plist.loads(make(ISSUING))
    identifiers = values_of(first, "PayloadIdentifier")
    assert identifiers == values_of(second, "PayloadIdentifier")
    assert len(identifiers) == len(set(identifiers))
    assert all(str(identifier).startswith("org.example.otae.") for identifier in identifiers)
    uuids = values_of(first, "PayloadUUID") + values_of(second, "PayloadUUID")
    assert len(uuids) == len(set(uuids))
    form = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}")
    assert all(form.fullmatch(str(uuid)) for uuid in uuids)


def test_the_ways_of_enrollment_replace_each_other_and_nothing_else() -> None:
    names = {name: plist.loads(make(ISSUING))["PayloadIdentifier"] for name, make in EVERY.items()}
    assert names["enrollment"] == names["encrypted"] == "org.example.otae.enroll"
    assert len(set(names.values())) == len(EVERY) - 1


@configurations
def test_every_configuration_profile_is_for_the_system(make: Callable[[ProfileIssuer], bytes]) -> None:
    profile = plist.loads(make(ISSUING))
    assert profile["PayloadScope"] == "System"
    assert profile["PayloadType"] == "Configuration"
    assert profile["PayloadOrganization"] == "Example"


def test_the_scep_payload_asks_for_a_key_that_cannot_leave() -> None:
    (scep,) = content(payloads.identity_profile(ISSUING, request()))
    assert scep["PayloadContent"] == {
        "URL": "https://mdm.example.test/scep",
        "Name": "otae",
        "Subject": [[["O", "Example"]], [["CN", "ota-1"]]],
        "Challenge": "one-time",
        "CAFingerprint": hashlib.sha1(ISSUER, usedforsecurity=False).digest(),
        "Keysize": 2048,
        "Key Type": "RSA",
        "Key Usage": 5,
        "Retries": 3,
        "RetryDelay": 10,
        "KeyIsExtractable": False,
        "AllowAllAppsAccess": False,
    }


def test_the_mdm_payload_names_the_identity_of_its_own_profile() -> None:
    found = content(enrollment())
    (scep,), (mdm,) = of_type(found, "com.apple.security.scep"), of_type(found, "com.apple.mdm")
    assert mdm["IdentityCertificateUUID"] == scep["PayloadUUID"]
    assert mdm["ServerCapabilities"] == ["com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken"]
    assert (mdm["SignMessage"], mdm["CheckOutWhenRemoved"], mdm["AccessRights"]) == (True, True, 8191)
    assert mdm["Topic"] == "com.apple.mgmt.External.0f1e"
    assert mdm["ServerURL"] == "https://mdm.example.test/mdm/connect"
    assert mdm["CheckInURL"] == "https://mdm.example.test/mdm/checkin"


def test_certificates_come_first_and_by_their_kind() -> None:
    found = content(enrollment())
    assert [payload["PayloadType"] for payload in found] == [
        "com.apple.security.root",
        "com.apple.security.root",
        "com.apple.security.pkcs1",
        "com.apple.security.scep",
        "com.apple.mdm",
    ]
    assert [payload["PayloadContent"] for payload in found[:3]] == [ROOT, SECOND_ROOT, ISSUER]


def test_a_root_keeps_its_identifier_when_another_one_goes() -> None:
    both = content(enrollment())
    alone = content(payloads.enrollment_profile(ISSUING, [SECOND_ROOT], request(), MDM_HERE))
    assert both[1]["PayloadIdentifier"] == alone[0]["PayloadIdentifier"]


def test_an_encrypted_profile_shows_nothing_but_the_envelope() -> None:
    profile = plist.loads(payloads.encrypted_profile(ISSUING, b"\x30\x80envelope"))
    assert profile["IsEncrypted"] is True
    assert profile["EncryptedPayloadContent"] == b"\x30\x80envelope"
    assert "PayloadContent" not in profile


def test_the_trust_profile_holds_the_root_alone() -> None:
    (root,) = content(payloads.trust_profile(ISSUING, ROOT))
    assert root["PayloadType"] == "com.apple.security.root"
    assert root["PayloadContent"] == ROOT


@every
def test_a_name_full_of_markup_stays_a_name(make: Callable[[ProfileIssuer], bytes]) -> None:
    profile = plist.loads(make(ProfileIssuer("org.example.otae", HARD_NAME, HARD_NAME, HARD_NAME)))
    assert profile["PayloadOrganization"] == profile["PayloadDisplayName"] == HARD_NAME
    assert profile["PayloadDescription"] == HARD_NAME
    assert set(profile) - {"PayloadDescription"} <= set(plist.loads(make(ISSUING)))


@given(st.text(), st.text())
def test_no_name_can_break_a_profile(organization: str, person: str) -> None:
    scep = request(subject=(("O", organization), ("CN", person)))
    issuer = ProfileIssuer("org.example.otae", organization, person)
    profile = payloads.enrollment_profile(issuer, [ROOT], scep, MDM_HERE)
    read = plist.loads(profile)
    assert read["PayloadDisplayName"] == plist.one_line(person)
    (found,) = of_type(content(profile), "com.apple.security.scep")
    assert found["PayloadContent"]["Subject"] == [
        [["O", plist.one_line(organization)]],
        [["CN", plist.one_line(person)]],
    ]


def test_markup_in_a_challenge_comes_back_as_it_went() -> None:
    challenge = '</string><key>URL</key><string>"&]]>'
    (scep,) = content(payloads.identity_profile(ISSUING, request(challenge)))
    assert scep["PayloadContent"]["Challenge"] == challenge
    assert scep["PayloadContent"]["URL"] == "https://mdm.example.test/scep"


def test_a_challenge_that_cannot_be_carried_is_never_sent_changed() -> None:
    with pytest.raises(ValueError, match="cannot carry"):
        payloads.identity_profile(ISSUING, request("one\x00time"))


def test_a_challenge_does_not_print() -> None:
    assert "one-time" not in repr(request())


@pytest.mark.parametrize(
    ("topic", "server", "checkin", "rights"),
    [
        ("com.example.mgmt", "https://a.example.test", "https://a.example.test", 8191),
        ("com.apple.mgmt.x", "http://a.example.test", "https://a.example.test", 8191),
        ("com.apple.mgmt.x", "https://a.example.test", "http://a.example.test", 8191),
        ("com.apple.mgmt.x", "https://a.example.test", "https://a.example.test", 0),
        ("com.apple.mgmt.x", "https://a.example.test", "https://a.example.test", 8192),
        ("com.apple.mgmt.x", "https://a.example.test", "https://a.example.test", 2),
        ("com.apple.mgmt.x", "https://a.example.test", "https://a.example.test", 128),
    ],
)
def test_an_mdm_payload_that_a_mac_refuses_is_not_built(topic: str, server: str, checkin: str, rights: int) -> None:
    with pytest.raises(ValueError, match=r"push topic|https|right"):
        MDM(topic, server, checkin, rights)


@pytest.mark.parametrize(
    ("url", "challenge", "fingerprint"),
    [("", "x", bytes(20)), ("https://a.example.test", "", bytes(20)), ("https://a.example.test", "x", bytes(32))],
)
def test_a_scep_payload_that_cannot_work_is_not_built(url: str, challenge: str, fingerprint: bytes) -> None:
    with pytest.raises(ValueError, match=r"SCEP|SHA-1"):
        SCEP(url, "otae", challenge, (("CN", "x"),), fingerprint)
