"""Every message of a whole way, written out and shown to others: openssl, and the schemas Apple publishes.

The simulated Mac shares its code with the server; a fault in both would not show in a flow alone.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from otae.apple import plist
from otae.authority import issuers
from otae.rehearsal.hardware import MessageFormat
from otae.rehearsal.identity import ScepClient, build_csr
from otae.rehearsal.mac import Mac
from otae.rehearsal.profiles import open_profile, read_configuration
from otae.signing.certificates import Keyed, new_key, pem
from otae.signing.issuing import build_scep_signer
from otae.signing.scep_client import read_certificates
from otae.store import database, properties
from tests.apple import schema
from tests.flow.house import House
from tests.signing import openssl

pytestmark = pytest.mark.anyio


async def walked(house: House, way: str, shape: MessageFormat, folder: Path) -> tuple[Mac, dict[str, bytes]]:
    """Enroll a Mac and give every message by name, as it was read back from the files it was written to."""
    ben = await house.person("ben")
    invitation = (await house.invite("ben", "two_factor", send=False)).invitation
    session = await house.signed_in(ben, invitation, way)
    async with house.line() as line:
        mac = await house.mac(line, shape=shape)
        download = await house.download(session)
        await mac.install(download)
        await mac.check_in()
        await mac.check_out()
        files = line.write_to(folder / "messages")
    assert [file.name[:3] for file in files] == [f"{number:03d}" for number in range(len(files))]
    return mac, {"profile.received": download.content, **{file.name[4:]: file.read_bytes() for file in files}}


def see_profile(data: bytes, folder: Path, house: House, recipient: Keyed | None = None) -> None:
    """A profile is signed by somebody under our root and every key of it is Apple's."""
    content = openssl.trusts(data, folder, [house.root])
    profile = plist.loads(content)
    if profile["PayloadType"] == "Profile Service":
        assert schema.profile_service_findings(content) == []
        return
    assert schema.profile_findings(content) == []
    assert bool(profile.get("IsEncrypted")) == (recipient is not None)
    if recipient is not None:
        envelope = profile["EncryptedPayloadContent"]
        assert isinstance(envelope, bytes)
        inner = plist.loads_array(openssl.decrypts(envelope, folder, recipient))
        assert schema.content_findings(inner, profile) == []


@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "encrypted"])
async def test_the_phases_over_the_air(house: House, tmp_path: Path, encrypted: bool) -> None:
    await properties.write("enrollment.encrypt", str(encrypted).lower())
    mac, messages = await walked(house, "ota", MessageFormat(), tmp_path)
    see_profile(messages["profile.received"], tmp_path, house)
    see_profile(messages["phase-2.received"], tmp_path, house)
    see_profile(messages["phase-3.received"], tmp_path, house, mac.profile_identity if encrypted else None)
    said = plist.loads(openssl.trusts(messages["phase-2.sent"], tmp_path, [house.maker.certificate]))
    assert (said["UDID"], said["SERIAL"]) == (mac.facts.udid, mac.facts.serial)
    assert "CHALLENGE" in said
    again = openssl.accepts(messages["phase-3.sent"], tmp_path)
    assert again is not None
    assert plist.loads(again) == {key: value for key, value in said.items() if key != "CHALLENGE"}


async def test_the_single_profile(house: House, tmp_path: Path) -> None:
    _, messages = await walked(house, "profile", MessageFormat(), tmp_path)
    see_profile(messages["profile.received"], tmp_path, house)


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
async def test_the_check_ins(house: House, tmp_path: Path, digest: str) -> None:
    shape = MessageFormat(digest="sha1" if digest == "sha1" else "sha256")
    mac, messages = await walked(house, "profile", shape, tmp_path)
    assert mac.identity is None, "it was removed with the profile"
    kinds = ["Authenticate", "TokenUpdate", "SetBootstrapToken", "GetBootstrapToken", "CheckOut"]
    for kind in [*kinds, "Idle"]:
        body = messages[f"{kind}.sent"]
        assert openssl.accepts(messages[f"{kind}.signature"], tmp_path, body) == body
    for kind in kinds:
        user_channel = kind == "TokenUpdate"  # the later one of the two was the person's
        assert schema.checkin_findings(messages[f"{kind}.sent"], user_channel=user_channel) == []
        received = messages[f"{kind}.received"]
        if kind == "GetBootstrapToken":
            assert schema.checkin_answer_findings(received, "getbootstraptoken") == []
        else:
            assert received == b""
    assert messages["Idle.received"] == b""


@pytest.mark.parametrize("by_get", [False, True], ids=["POST", "GET"])
async def test_scep(house: House, tmp_path: Path, by_get: bool) -> None:
    await properties.write("enrollment.delivery", "profile")
    session, now = await house.signed_in(await house.person("ben"), None), await database.now()
    payload = read_configuration(open_profile(await house.download(session), [house.root], now, what="profile")).scep
    key = new_key()
    signer = build_scep_signer(new_key(), not_before=now - timedelta(days=1), not_after=now + timedelta(days=1))
    async with house.line() as line:
        client = ScepClient(line, payload, MessageFormat(scep_by_get=by_get), name="scep")
        capabilities, bag = await client.capabilities(), await client.ca_certificates()
        csr = build_csr(payload, key, MessageFormat(csr_version=0))
        request = client.request(csr, signer, bag, capabilities)
        reply = (await client.send(request.data, capabilities)).content
    sent = openssl.accepts(request.data, tmp_path)
    assert sent is not None
    assert openssl.decrypts(sent, tmp_path, await issuers.keyed(house.desk, "ra")) == csr
    (tmp_path / "csr.der").write_bytes(csr)
    openssl.run("req", "-inform", "DER", "-in", tmp_path / "csr.der", "-verify", "-noout")
    device_ca = await issuers.certificate_of("device-ca")
    inner = openssl.decrypts(openssl.trusts(reply, tmp_path, [house.root, device_ca]), tmp_path, signer)
    (certificate,) = read_certificates(inner)
    assert certificate.public_key() == key.public_key()
    (tmp_path / "root.pem").write_bytes(pem(house.root))
    (tmp_path / "device-ca.pem").write_bytes(pem(device_ca))
    (tmp_path / "issued.pem").write_bytes(pem(certificate))
    chain = ("-CAfile", tmp_path / "root.pem", "-untrusted", tmp_path / "device-ca.pem")
    openssl.run("verify", "-x509_strict", "-purpose", "sslclient", *chain, tmp_path / "issued.pem")
