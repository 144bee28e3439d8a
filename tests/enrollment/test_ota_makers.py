"""Whose device certificates are believed in phase 2, and whose in a rehearsal."""

import ssl
from pathlib import Path

import pytest

from otae.enrollment import ota
from otae.errors import (
    CannotStart,
    DeviceMismatch,
    SignerUntrusted,
)
from otae.signing import cms
from otae.signing.certificates import der, new_key, pem
from otae.store import database
from otae.store.desk import Desk
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.phases import certified, refused, started, state
from tests.signing import spoiled

pytestmark = pytest.mark.anyio


async def test_ota_1_a_mac_of_an_unknown_maker_is_refused(desk: Desk) -> None:
    session, challenge = await started(desk)
    mac = LabMac(signer=lab.device_certificate("a Mac", "Somebody Else"))
    await refused(desk, mac.post(mac.attributes(challenge)), SignerUntrusted)
    assert await state(session) == ("opened", None, "signer-untrusted")


async def test_a_maker_is_no_mac(desk: Desk) -> None:
    _, challenge = await started(desk)
    mac = LabMac(signer=lab.maker())
    await refused(desk, mac.post(mac.attributes(challenge)), SignerUntrusted)


async def test_ota_5_a_leaf_without_its_makers_is_enough(desk: Desk) -> None:
    session, challenge = await started(desk)
    mac = LabMac()
    body = mac.post(mac.attributes(challenge))
    assert len(cms.verify(body, policy=cms.Policy(allow_sha1=True, attributes="optional")).certificates) == 1
    await ota.answer(desk, body, now=await database.now())
    assert (await state(session))[0] == "identified"


async def test_a_rehearsals_own_maker_is_believed_in_its_session_alone(desk: Desk) -> None:
    own, another = lab.maker("One-off"), lab.maker("Another one-off")
    rehearsal = {"rehearsal": True, "rehearsal_ca": der(own.certificate)}
    mac = LabMac(signer=lab.device_certificate("a Mac", "One-off"))
    ordinary, challenge = await started(desk)
    await started(desk, who="cleo", **rehearsal)  # alive, and of no use to anybody else
    await refused(desk, mac.post(mac.attributes(challenge)), SignerUntrusted)
    assert (await state(ordinary))[0] == "opened"
    theirs, challenge = await started(desk, who="cleo", rehearsal=True, rehearsal_ca=der(another.certificate))
    await refused(desk, mac.post(mac.attributes(challenge)), SignerUntrusted)
    real = LabMac()
    await refused(desk, real.post(real.attributes(challenge)), SignerUntrusted)
    assert (await state(theirs))[0] == "opened"
    session, challenge = await started(desk, who="cleo", **rehearsal)
    await mac.phase_two(desk, challenge, await database.now())
    assert (await state(session))[0] == "identified"


async def test_a_rehearsals_maker_counts_for_nothing_on_an_invitation_without_the_mark(desk: Desk) -> None:
    mac = LabMac(signer=lab.device_certificate("a Mac", "One-off"))
    _, challenge = await started(desk, rehearsal_ca=der(lab.maker("One-off").certificate))
    await refused(desk, mac.post(mac.attributes(challenge)), SignerUntrusted)


async def test_our_certificate_does_not_speak_in_phase_two(desk: Desk) -> None:
    mac = LabMac()
    await certified(desk, mac)
    session, challenge = await started(desk, who="cleo")
    other = LabMac(udid="AAAABBBB-2222", serial="C02OTHER")
    await refused(desk, other.post(other.attributes(challenge), mac.ota), DeviceMismatch)
    assert await state(session) == ("opened", None, None)


async def test_a_file_of_makers_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    empty = tmp_path / "makers.pem"
    empty.write_text("no certificate")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(CannotStart, match="OTAE_EXTRA_DEVICE_CA_FILE"):
            ota.lab_authorities(path)
    assert ota.lab_authorities(None) == ()


def test_a_file_of_makers_is_read_as_it_comes_and_the_bad_ones_are_left_out(tmp_path: Path) -> None:
    key = new_key()
    good, bad = spoiled.certificate(key, "Lab"), ssl.DER_cert_to_PEM_cert(spoiled.version_4(key)).encode()
    path = tmp_path / "makers.pem"
    path.write_bytes(b"\xef\xbb\xbfS\xf6hne\n" + bad + pem(good))
    assert ota.lab_authorities(path) == (good,)
    path = tmp_path / "bad.pem"
    path.write_bytes(bad)
    with pytest.raises(CannotStart, match="its version is 4"):
        ota.lab_authorities(path)
