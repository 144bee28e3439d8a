"""A Mac installs no profile that is altered, signed by a stranger, out of date or short of a key."""

import plistlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from otae.apple import payloads
from otae.rehearsal.connection import ServerRefuses
from otae.rehearsal.profiles import open_profile, read_configuration, read_profile_service
from otae.rehearsal.report import MacRefuses
from otae.signing import cms
from otae.signing.certificates import Keyed, der
from otae.signing.envelopes import encrypt
from tests.rehearsal.conftest import ISSUING, NOW, Server, answer

Change = Callable[[dict[str, Any]], object]


def enrollment(server: Server) -> bytes:
    return payloads.enrollment_profile(ISSUING, [der(server.root.certificate)], server.scep(), server.mdm())


def opened(server: Server, profile: bytes) -> Any:  # noqa: ANN401 - a property list may hold anything
    return open_profile(answer(server.signed(profile)), server.trusted, NOW, what="profile")


def changed(profile: bytes, change: Change) -> bytes:
    read = plistlib.loads(profile)
    change(read)
    return plistlib.dumps(read)


def test_the_enrollment_profile_is_read_payload_by_payload(server: Server) -> None:
    read = read_configuration(opened(server, enrollment(server)))
    assert read.certificates == (server.root.certificate,)
    assert read.mdm is not None
    assert read.mdm.identity_uuid == read.scep.uuid
    assert read.scep.challenge == "one-time"


def test_the_profile_service_says_where_to_go(server: Server) -> None:
    profile = payloads.profile_service(ISSUING, url="https://localhost/device", challenge="echo me")
    read = read_profile_service(opened(server, profile))
    assert (read.url, read.challenge) == ("https://localhost/device", "echo me")
    assert set(read.attributes) == {"UDID", "VERSION", "PRODUCT", "SERIAL"}


def test_an_encrypted_profile_opens_for_its_mac_alone(server: Server) -> None:
    content = payloads.enrollment_content(ISSUING, [der(server.root.certificate)], server.scep(), server.mdm())
    envelope = encrypt(content, server.ra.certificate, "aes-128-cbc")
    profile = opened(server, payloads.encrypted_profile(ISSUING, envelope))
    assert read_configuration(profile, server.ra).mdm is not None
    for other in (None, server.profile_signer):
        with pytest.raises(MacRefuses, match="encrypted"):
            read_configuration(profile, other)


def test_a_refusal_instead_of_a_profile_tells_its_code() -> None:
    said = answer(b"challenge-used This profile has been used already.\n", status=403, kind="text/plain")
    with pytest.raises(ServerRefuses, match="403 challenge-used") as caught:
        open_profile(said, [], NOW, what="profile")
    assert caught.value.answer.code == "challenge-used"


def test_a_stranger_s_signature_is_refused(server: Server, stranger: Keyed) -> None:
    data = cms.sign(enrollment(server), stranger, [])
    with pytest.raises(MacRefuses, match="trusted root"):
        open_profile(answer(data), server.trusted, NOW, what="profile")


def test_an_altered_profile_is_refused(server: Server) -> None:
    data = server.signed(enrollment(server)).replace(b"one-time", b"two-time")
    with pytest.raises(MacRefuses, match="signature-invalid"):
        open_profile(answer(data), server.trusted, NOW, what="profile")


def test_an_unsigned_profile_is_refused(server: Server) -> None:
    with pytest.raises(MacRefuses, match="message-unreadable"):
        open_profile(answer(enrollment(server)), server.trusted, NOW, what="profile")


def test_a_signer_out_of_date_is_refused(server: Server) -> None:
    later = NOW + timedelta(days=200)
    with pytest.raises(MacRefuses, match="out of date"):
        open_profile(answer(server.signed(enrollment(server))), server.trusted, later, what="profile")


def test_another_content_type_is_refused(server: Server) -> None:
    with pytest.raises(MacRefuses, match="content type"):
        open_profile(answer(server.signed(enrollment(server)), kind="text/html"), server.trusted, NOW, what="profile")


FAULTS: dict[str, Change] = {
    "PayloadVersion": lambda p: p.update(PayloadVersion=2),
    "PayloadUUID is no": lambda p: p.update(PayloadUUID="x"),
    "PayloadIdentifier is missing": lambda p: p.pop("PayloadIdentifier"),
    "PayloadScope": lambda p: p.pop("PayloadScope"),
    "of type": lambda p: p.update(PayloadType="Profile Service"),
    "stands twice": lambda p: p["PayloadContent"][0].update(PayloadUUID=p["PayloadUUID"]),
    "others": lambda p: p["PayloadContent"][0].update(PayloadType="com.apple.unknown"),
    "0 SCEP": lambda p: p["PayloadContent"].pop(1),
    "without a certificate": lambda p: p["PayloadContent"][0].update(PayloadContent=b"x"),
    "Keysize": lambda p: p["PayloadContent"][1]["PayloadContent"].pop("Keysize"),
    "Key Usage": lambda p: p["PayloadContent"][1]["PayloadContent"].update({"Key Usage": 1}),
    "Subject": lambda p: p["PayloadContent"][1]["PayloadContent"].update(Subject=["CN"]),
    "CAFingerprint": lambda p: p["PayloadContent"][1]["PayloadContent"].update(CAFingerprint=b"x" * 32),
    "Challenge is missing": lambda p: p["PayloadContent"][1]["PayloadContent"].pop("Challenge"),
    "URL is not https": lambda p: p["PayloadContent"][1]["PayloadContent"].update(URL="http://localhost/scep"),
    "IdentityCertificateUUID": lambda p: p["PayloadContent"][2].update(IdentityCertificateUUID="x"),
    "Topic": lambda p: p["PayloadContent"][2].update(Topic="com.example"),
    "SignMessage": lambda p: p["PayloadContent"][2].pop("SignMessage"),
    "per-user-connections": lambda p: p["PayloadContent"][2].update(ServerCapabilities=["other"]),
    "AccessRights": lambda p: p["PayloadContent"][2].update(AccessRights=9000),
    "CheckInURL": lambda p: p["PayloadContent"][2].pop("CheckInURL"),
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_fault_in_a_configuration_is_named(server: Server, words: str) -> None:
    with pytest.raises(MacRefuses, match=words):
        read_configuration(opened(server, changed(enrollment(server), FAULTS[words])))


SERVICE_FAULTS: dict[str, Change] = {
    "Profile Service": lambda p: p.update(PayloadType="Configuration"),
    "PayloadContent": lambda p: p.update(PayloadContent=[]),
    "URL": lambda p: p["PayloadContent"].update(URL="http://localhost"),
    "Challenge": lambda p: p["PayloadContent"].pop("Challenge"),
    "DeviceAttributes": lambda p: p["PayloadContent"].update(DeviceAttributes=["PASSWORD"]),
    "something else": lambda p: p["PayloadContent"].update(DeviceAttributes=["UDID", 1]),
}


@pytest.mark.parametrize("words", SERVICE_FAULTS)
def test_a_fault_in_a_profile_service_is_named(server: Server, words: str) -> None:
    profile = payloads.profile_service(ISSUING, url="https://localhost/device", challenge="echo me")
    with pytest.raises(MacRefuses, match=words):
        read_profile_service(opened(server, changed(profile, SERVICE_FAULTS[words])))
