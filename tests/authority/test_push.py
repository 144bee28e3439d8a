"""The push certificate: what is taken, what is refused and why, and the topic that follows."""

import asyncio
import dataclasses
import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from otae.authority import issuers
from otae.authority.push import PushCertificate, import_push, show_push, topic
from otae.errors import InputRefused, NotReady
from otae.settings import Settings
from otae.signing.certificates import der, dump_key, fingerprint, pem
from otae.store import database
from otae.store.desk import Desk, SilentBell
from otae.store.keyring import open_vault
from otae.store.models import AuditEntry, Certificate, Device, Enrollment, EnrollmentSession
from tests.authority.pushed import OTHER_TOPIC, TOPIC, as_pkcs12, key_pem, push_certificate
from tests.reference import reference

pytestmark = pytest.mark.anyio


async def take(desk: Desk, data: bytes, key_data: bytes | None = None, password: str | None = None) -> PushCertificate:
    return await import_push(desk, data, key_data, password, now=await database.now(), actor="ada")


async def refused(
    desk: Desk, data: bytes, key_data: bytes | None = None, password: str | None = None
) -> dict[str, str]:
    before, audited = await Certificate.all().order_by("id").values(), await AuditEntry.all().count()
    with pytest.raises(InputRefused) as caught:
        await take(desk, data, key_data, password)
    assert await Certificate.all().order_by("id").values() == before
    assert await AuditEntry.all().count() == audited
    return caught.value.fields


async def enroll(session: EnrollmentSession, its_topic: str, status: str, *, rehearsal: bool = False) -> None:
    now = await database.now()
    certificate = Certificate(
        purpose="mdm-identity", serial_number=uuid4().hex, subject="", not_before=now, not_after=now, created_at=now
    )
    await certificate.save()
    device = Device(udid=str(uuid4()), created_at=now, seen_at=now)
    await device.save()
    await Enrollment(
        device_id=device.id,
        session_id=session.id,
        person_id=session.person_id,
        certificate_id=certificate.id,
        ownership="corporate",
        status=status,
        topic=its_topic,
        rehearsal=rehearsal,
        authenticated_at=now,
    ).save()


def elsewhere(desk: Desk) -> Desk:
    return dataclasses.replace(
        desk, settings=desk.settings.model_copy(update={"public_url": "https://mdm.example.test"})
    )


async def test_pem_with_a_key_file_is_taken_and_names_the_topic(desk: Desk, mac_key: rsa.RSAPrivateKey) -> None:
    now = await database.now()
    made = push_certificate(mac_key, now=now)
    shown = await take(desk, pem(made.certificate), key_pem(mac_key))
    assert (shown.topic, shown.sha256, shown.days_left) == (TOPIC, fingerprint(made.certificate), 364)
    assert await topic(elsewhere(desk)) == TOPIC
    assert await show_push(now=now) == shown
    assert (await issuers.keyed(desk, "push")).key.private_numbers() == mac_key.private_numbers()
    (entry,) = await AuditEntry.filter(action="push.imported")
    assert (entry.actor, entry.subject, entry.detail) == ("ada", shown.sha256, TOPIC)


async def test_every_way_to_hand_over_the_pair_is_understood(desk: Desk, mac_key: rsa.RSAPrivateKey) -> None:
    made, root = push_certificate(mac_key, now=await database.now()), await issuers.root()
    certificate = made.certificate
    ways: list[tuple[bytes, bytes | None, str | None]] = [
        (pem(certificate) + key_pem(mac_key), None, None),
        (key_pem(mac_key) + pem(certificate), None, None),
        (pem(root, certificate), key_pem(mac_key, "fifty ways"), "fifty ways"),
        (der(certificate), dump_key(mac_key), None),
        (as_pkcs12(made), None, None),
        (as_pkcs12(made, "fifty wäys", others=(root,)), None, "fifty wäys"),
        (as_pkcs12(made, with_key=False), key_pem(mac_key), None),
    ]
    for way in ways:
        assert (await take(desk, *way)).sha256 == fingerprint(certificate)
    assert await Certificate.filter(purpose="push").count() == 1


async def test_what_cannot_be_read_is_refused_at_its_field(desk: Desk, mac_key: rsa.RSAPrivateKey) -> None:
    made = push_certificate(mac_key, now=await database.now())
    certificate, key = pem(made.certificate), key_pem(mac_key)
    assert list(await refused(desk, b"hello", key)) == ["file"]
    assert list(await refused(desk, b"", key)) == ["file"]
    assert list(await refused(desk, key, None)) == ["file"]
    assert list(await refused(desk, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key)) == ["file"]
    assert list(await refused(desk, certificate, b"hello")) == ["key"]
    assert list(await refused(desk, certificate, certificate)) == ["key"]
    assert list(await refused(desk, certificate, key_pem(mac_key, "right"), "wrong")) == ["password"]
    assert list(await refused(desk, certificate, key_pem(mac_key, "right"))) == ["password"]
    assert list(await refused(desk, certificate, key, "needless")) == ["password"]
    assert list(await refused(desk, as_pkcs12(made, "right"), None, "wrong")) == ["password"]
    assert list(await refused(desk, as_pkcs12(made, "right"))) == ["password"]
    assert list(await refused(desk, certificate, key, "x" * 1025)) == ["password"]


async def test_a_certificate_without_its_key_is_refused(
    desk: Desk, mac_key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey
) -> None:
    made = push_certificate(mac_key, now=await database.now())
    assert "no private key" in (await refused(desk, pem(made.certificate)))["key"]
    assert "no private key" in (await refused(desk, as_pkcs12(made, with_key=False)))["key"]
    assert "another certificate" in (await refused(desk, pem(made.certificate), key_pem(other_key)))["key"]
    elliptic = key_pem(ec.generate_private_key(ec.SECP256R1()))
    assert "not an RSA key" in (await refused(desk, pem(made.certificate), elliptic))["key"]


async def test_a_short_key_is_refused(desk: Desk) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    made = push_certificate(short, now=await database.now())
    assert "1024 bits" in (await refused(desk, pem(made.certificate), key_pem(short)))["key"]


@pytest.mark.parametrize(
    "uid", [None, "wrong.prefix.External.1", "com.apple.mgmt", "com.apple.mgmtX", "xcom.apple.mgmt.1"]
)
async def test_a_subject_that_names_no_topic_is_refused(
    desk: Desk, mac_key: rsa.RSAPrivateKey, uid: str | None
) -> None:
    made = push_certificate(mac_key, now=await database.now(), uid=uid)
    assert "com.apple.mgmt" in (await refused(desk, pem(made.certificate), key_pem(mac_key)))["file"]


async def test_a_certificate_out_of_its_time_is_refused(desk: Desk, mac_key: rsa.RSAPrivateKey) -> None:
    now = await database.now()
    ended = push_certificate(mac_key, now=now, ends=timedelta(seconds=-1))
    assert "ended" in (await refused(desk, pem(ended.certificate), key_pem(mac_key)))["file"]
    coming = push_certificate(mac_key, now=now, begins=timedelta(days=1))
    assert "not valid before" in (await refused(desk, pem(coming.certificate), key_pem(mac_key)))["file"]


async def test_a_renewed_certificate_of_the_same_topic_takes_over(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey
) -> None:
    now = await database.now()
    await take(desk, pem(push_certificate(mac_key, now=now).certificate), key_pem(mac_key))
    await enroll(session, TOPIC, "enrolled")
    renewed = push_certificate(other_key, now=now, ends=timedelta(days=700))
    assert (await take(desk, pem(renewed.certificate), key_pem(other_key))).days_left == 699
    assert await Certificate.filter(purpose="push", active=True).count() == 1
    assert [row["active"] for row in await issuers.tree(now) if row["purpose"] == "push"] == [True, False]


async def test_another_topic_is_refused_with_the_macs_it_would_break(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey
) -> None:
    now = await database.now()
    await take(desk, pem(push_certificate(mac_key, now=now).certificate), key_pem(mac_key))
    other = pem(push_certificate(mac_key, now=now, uid=OTHER_TOPIC, serial=2).certificate)
    await enroll(session, TOPIC, "unenrolled")
    await enroll(session, TOPIC, "enrolled", rehearsal=True)
    await enroll(session, TOPIC, "enrolled")
    assert "1 enrolled Mac " in (await refused(desk, other, key_pem(mac_key)))["file"]
    await enroll(session, TOPIC, "authenticated")
    assert "2 enrolled Macs " in (await refused(desk, other, key_pem(mac_key)))["file"]
    assert await topic(desk) == TOPIC
    await Enrollment.all().update(status="unenrolled")
    assert (await take(desk, other, key_pem(mac_key))).topic == OTHER_TOPIC


async def test_two_imports_at_once_leave_one_in_use(
    desk: Desk, mac_key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey
) -> None:
    now = await database.now()
    one, two = push_certificate(mac_key, now=now, serial=1), push_certificate(other_key, now=now, serial=2)
    results = await asyncio.gather(
        *(take(desk, pem(made.certificate), key_pem(made.key)) for made in (one, two)), return_exceptions=True
    )
    assert {type(result) for result in results} <= {PushCertificate, InputRefused}
    assert await Certificate.filter(purpose="push", active=True).count() == 1


async def test_the_key_is_sealed(sqlite_settings: Settings, mac_key: rsa.RSAPrivateKey) -> None:
    async with database.connected(sqlite_settings):
        desk = Desk(sqlite_settings, await open_vault(sqlite_settings), SilentBell())
        made = push_certificate(mac_key, now=await database.now())
        await take(desk, pem(made.certificate), key_pem(mac_key))
    stored = b"".join(file.read_bytes() for file in sqlite_settings.home.iterdir())
    assert b"PRIVATE KEY" not in stored
    assert mac_key.private_numbers().p.to_bytes(128) not in stored
    assert der(made.certificate) in stored


async def test_without_a_certificate_a_trial_and_a_rehearsal_share_one_topic_of_the_installation(desk: Desk) -> None:
    generated = await topic(desk)
    assert re.fullmatch(r"com\.apple\.mgmt\.External\.[0-9a-f-]{36}", generated)
    assert UUID(generated.rpartition(".")[2]).version == 4
    assert await topic(desk) == generated
    assert await topic(elsewhere(desk), rehearsal=True) == generated
    assert await show_push(now=await database.now()) is None
    with pytest.raises(NotReady):
        await topic(elsewhere(desk))


async def test_recorded_push_certificates_are_judged_by_their_uid(desk: Desk) -> None:
    folder: Path = reference("captures/push-certificates")
    good = (folder / "mock_push_cert.pem").read_bytes()
    assert list(await refused(desk, good)) == ["key"], "all that it lacks is the key, which nobody recorded"
    for name in ("mock_push_cert_no_uid.pem", "mock_push_cert_wrong_uid_prefix.pem"):
        assert "com.apple.mgmt" in (await refused(desk, (folder / name).read_bytes()))["file"]


@pytest.mark.parametrize("way", ["pem", "pkcs12"])
async def test_a_name_longer_than_allowed_is_read_in_every_kind_of_file(desk: Desk, way: str) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keyed = push_certificate(key, now=await database.now(), country="USA")
    data = as_pkcs12(keyed, "pw") if way == "pkcs12" else pem(keyed.certificate) + key_pem(key)
    found = await take(desk, data, None, "pw" if way == "pkcs12" else None)
    assert found.topic == TOPIC
    assert (shown := await show_push(now=await database.now())) is not None
    assert shown.topic == TOPIC
