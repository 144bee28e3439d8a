"""An organization's own certificates: used when they are right, refused by field when not, and gone when removed."""

import asyncio
import dataclasses
import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority import issuers, serving, uploads
from otae.authority.ceremony import ensure_service_ca
from otae.authority.rotation import renew_due, rotate_device_ca
from otae.enrollment import profiles
from otae.errors import InputRefused
from otae.settings import Settings
from otae.signing import cms
from otae.signing.certificates import Keyed, fingerprint, name, pem
from otae.signing.issuing import build_device_ca, build_identity
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Certificate
from tests.authority.openssl import verify
from tests.authority.outside import Outside, as_pkcs12, bundle, key_pem, outside
from tests.authority.test_serving import listening
from tests.enrollment.lab import key

pytestmark = pytest.mark.anyio


@pytest.fixture
async def now(desk: Desk) -> datetime:
    return await database.now()


@pytest.fixture
def other(now: datetime) -> Outside:
    return outside(now)


async def take_signer(
    desk: Desk, data: bytes, now: datetime, *, key_file: bytes | None = None, password: str | None = None
) -> uploads.UploadedCertificate:
    return await uploads.import_signer(desk, data, key_file, password, now=now, actor="ada")


async def refused(desk: Desk, data: bytes, now: datetime, field: str, words: str, password: str | None = None) -> None:
    """Hand in what must not be used as profile signer."""
    before = [row async for row in Certificate.all().order_by("id").values("id", "active", "key_sealed")]
    with pytest.raises(InputRefused) as raised:
        await take_signer(desk, data, now, password=password)
    assert words in raised.value.fields[field], raised.value.fields
    assert [row async for row in Certificate.all().order_by("id").values("id", "active", "key_sealed")] == before


async def refused_tls(desk: Desk, data: bytes, now: datetime, field: str, words: str) -> None:
    with pytest.raises(InputRefused) as raised:
        await uploads.import_tls(desk, data, None, None, now=now, actor="ada")
    assert words in raised.value.fields[field], raised.value.fields


async def test_an_uploaded_signer_signs_profiles_with_its_chain(
    desk: Desk, now: datetime, other: Outside, tmp_path: Path
) -> None:
    signer = other.signer(now)
    taken = await take_signer(desk, bundle(signer, *other.chain), now)
    assert (taken.sha256, taken.chain) == (
        fingerprint(signer.certificate),
        ["CN=Example Authority,O=Example", "CN=Example Root,O=Example"],
    )
    assert (await issuers.keyed(desk, "profile-signer")).certificate == signer.certificate
    assert await issuers.chain("profile-signer") == [other.authority.certificate]
    signed = await profiles.trust_profile(desk)
    message = cms.verify(signed, policy=cms.Policy())
    assert message.signer == signer.certificate
    assert verify(tmp_path, message.signer, list(message.certificates), other.root.certificate) == ""
    assert await AuditEntry.filter(action="profile-signer.imported", actor="ada", subject=taken.sha256).count() == 1
    shown = next(row for row in await issuers.tree(now) if row["sha256"] == taken.sha256)
    assert (shown["uploaded"], shown["active"], shown["key_held"]) == (True, True, True)
    assert not any(row["uploaded"] for row in await issuers.tree(now) if row["sha256"] != taken.sha256)


async def test_removing_it_goes_back_to_our_own_and_forgets_its_key(desk: Desk, now: datetime, other: Outside) -> None:
    ours = await issuers.active_row("profile-signer")
    taken = await take_signer(desk, bundle(other.signer(now), *other.chain), now)
    await uploads.remove_upload(desk, "profile-signer", now=now, actor="ada")
    assert (await issuers.active_row("profile-signer")).id == ours.id
    assert (await Certificate.get(sha256=taken.sha256)).key_sealed is None
    assert await AuditEntry.filter(action="profile-signer.removed", subject=taken.sha256).count() == 1
    with pytest.raises(InputRefused):
        await uploads.remove_upload(desk, "profile-signer", now=now, actor="ada")
    again = await take_signer(desk, bundle(other.signer(now), *other.chain), now)
    assert (await issuers.active_row("profile-signer")).id != ours.id
    assert again.chain == taken.chain


async def test_pkcs12_and_a_key_of_its_own_are_read(desk: Desk, now: datetime, other: Outside) -> None:
    signer = other.signer(now)
    sealed = as_pkcs12(signer, other.chain, "correct horse")
    await refused(desk, sealed, now, "password", "does not open", password="wrong")
    assert (await take_signer(desk, sealed, now, password="correct horse")).sha256 == fingerprint(signer.certificate)
    apart = pem(*reversed(other.chain), signer.certificate)
    shown = await take_signer(
        desk, apart, now, key_file=key_pem(signer.key, "battery staple"), password="battery staple"
    )
    assert shown.sha256 == fingerprint(signer.certificate)


async def test_a_chain_that_the_system_trusts_needs_no_root_in_the_file(
    desk: Desk, now: datetime, other: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bundle(other.signer(now), other.authority.certificate)
    await refused(desk, data, now, "file", "add the certificate of CN=Example Root")
    (tmp_path / "store.pem").write_bytes(pem(other.root.certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "store.pem"))
    assert (await take_signer(desk, data, now)).chain[-1] == "CN=Example Root,O=Example"
    assert await issuers.chain("profile-signer") == [other.authority.certificate]


async def test_a_store_that_is_a_folder_is_read_too(
    desk: Desk, now: datetime, other: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0a1b2c3d.0").write_bytes(pem(other.root.certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    await take_signer(desk, bundle(other.signer(now), other.authority.certificate), now)


async def test_a_signer_is_refused_for_what_is_wrong_with_it(desk: Desk, now: datetime, other: Outside) -> None:
    good, late = other.signer(now), other.signer(now, ends=timedelta(days=-1))
    strangers = outside(now, "Stranger")
    ca = build_device_ca(
        key("outside signer"), name("x", "Example"), other.root, not_before=now, not_after=now + timedelta(days=9)
    )
    cannot = other.for_encryption_alone(now)
    for data, field, words in (
        (b"nonsense", "file", "PEM, DER, PKCS#7 or PKCS#12"),
        (pem(good.certificate, *other.chain), "key", "no private key"),
        (key_pem(key("Example root")) + pem(good.certificate, other.chain[0]), "key", "another certificate"),
        (bundle(late, *other.chain), "file", "ended on"),
        (bundle(ca, *other.chain), "file", "certificate of an authority"),
        (bundle(cannot, *other.chain), "file", "lacks digitalSignature"),
        (bundle(good), "file", "add the certificate of CN=Example Authority"),
        (bundle(good, other.root.certificate), "file", "add the certificate of CN=Example Authority"),
        (bundle(good, *strangers.chain), "file", "not complete"),
    ):
        await refused(desk, data, now, field, words)


async def test_a_weak_key_and_another_kind_are_refused(desk: Desk, now: datetime, other: Outside) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    leaf = build_identity(
        weak.public_key(),
        name("weak", "Example"),
        other.authority,
        serial=7,
        not_before=now,
        not_after=now + timedelta(days=9),
    )
    await refused(desk, bundle(Keyed(leaf, weak), *other.chain), now, "key", "1024 bits")
    curve, own = other.curve_tls(now)
    await refused(desk, key_pem(own) + pem(curve, *other.chain), now, "file", "RSA")


async def test_what_this_installation_issued_is_no_upload(desk: Desk, now: datetime) -> None:
    tls = await issuers.keyed(desk, "tls")
    data = bundle(tls, await issuers.certificate_of("service-ca"), await issuers.root())
    await refused(desk, data, now, "file", "this installation issued it")


async def test_one_certificate_has_one_use(desk: Desk, now: datetime, other: Outside) -> None:
    data = bundle(other.tls(now), *other.chain)
    await uploads.import_tls(desk, data, None, None, now=now, actor="ada")
    await refused(desk, data, now, "file", "in use here as tls")


async def test_two_uploads_at_once_leave_one_in_use(desk: Desk, now: datetime, other: Outside) -> None:
    several = [bundle(other.signer(now, ends=timedelta(days=100 + n)), *other.chain) for n in range(3)]
    done = await asyncio.gather(*(take_signer(desk, data, now) for data in several), return_exceptions=True)
    assert all(isinstance(one, uploads.UploadedCertificate | InputRefused) for one in done), done
    assert await Certificate.filter(purpose="profile-signer", active=True).count() == 1
    assert (await issuers.keyed(desk, "profile-signer")).certificate.issuer == other.authority.certificate.subject


async def test_an_uploaded_signer_stays_through_a_rotation_and_gives_way_on_its_last_day(
    desk: Desk, now: datetime, other: Outside
) -> None:
    taken = await take_signer(desk, bundle(other.signer(now), *other.chain), now)
    await rotate_device_ca(desk, now=now, actor="ada")
    assert (await issuers.active_row("profile-signer")).sha256 == taken.sha256
    assert await renew_due(desk, now=taken.not_after - timedelta(days=2)) == []
    assert await renew_due(desk, now=taken.not_after - timedelta(hours=23)) == ["profile-signer"]
    ours = await issuers.active_row("profile-signer")
    assert ours.issuer_id == (await issuers.active_row("device-ca")).id


async def test_an_uploaded_tls_certificate_is_served_with_its_chain(desk: Desk, now: datetime, other: Outside) -> None:
    context, leaf = await serving.tls_context(desk), other.tls(now)
    await uploads.import_tls(desk, bundle(leaf, *other.chain), None, None, now=now, actor="ada")
    await serving.refresh(context, desk, now=now)
    assert await seen(context, other) == fingerprint(leaf.certificate)
    assert await serving.server_certificate(desk) is serving.ServerCertificate.UPLOADED
    await uploads.remove_upload(desk, "tls", now=now, actor="ada")
    await serving.refresh(context, desk, now=now)
    assert not await issuers.is_uploaded(await issuers.active_row("tls"))
    with pytest.raises(ssl.SSLCertVerificationError):
        await seen(context, other)


async def test_the_anchors_are_the_root_and_the_tops_of_uploaded_chains(
    desk: Desk, now: datetime, other: Outside
) -> None:
    assert await uploads.trust_anchors() == [await issuers.root()]
    await take_signer(desk, bundle(other.signer(now), *other.chain), now)
    await uploads.import_tls(desk, bundle(other.tls(now), *other.chain), None, None, now=now, actor="ada")
    assert await uploads.trust_anchors() == [await issuers.root(), other.root.certificate]


async def test_an_elliptic_curve_certificate_is_served(desk: Desk, now: datetime, other: Outside) -> None:
    leaf, own = other.curve_tls(now)
    await uploads.import_tls(desk, pem(leaf, *other.chain), key_pem(own), None, now=now, actor="ada")
    assert await seen(await serving.tls_context(desk), other) == fingerprint(leaf)


async def seen(context: ssl.SSLContext, trusted: Outside) -> str:
    """Return the fingerprint of what a client sees that trusts the other authority alone."""
    client = ssl.create_default_context(cadata=pem(trusted.root.certificate).decode())
    async with listening(context) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
    return hashlib.sha256(der).hexdigest()


async def test_a_tls_certificate_is_refused_for_what_is_wrong_with_it(
    desk: Desk, now: datetime, other: Outside
) -> None:
    signer, elsewhere = other.signer(now), other.tls(now, "mdm.example.test")
    await refused_tls(desk, bundle(signer, *other.chain), now, "file", "serverAuth")
    await refused_tls(desk, bundle(elsewhere, *other.chain), now, "file", "does not name localhost")
    await refused_tls(desk, bundle(other.tls(now, ends=timedelta(0)), *other.chain), now, "file", "ended on")


@pytest.mark.parametrize(
    ("name_in_it", "host", "speaks"),
    [
        ("mdm.example.test", "mdm.example.test", True),
        ("MDM.example.test", "mdm.example.test", True),
        ("*.example.test", "mdm.example.test", True),
        ("*.example.test", "a.mdm.example.test", False),
        ("*.example.test", "example.test", False),
        ("example.test", "mdm.example.test", False),
        ("mdm.example.test", "192.0.2.7", False),
    ],
)
def test_which_hosts_a_certificate_speaks_for(name_in_it: str, host: str, speaks: bool) -> None:
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    assert serving.covers_host(outside(moment).tls(moment, name_in_it).certificate, host) is speaks


async def test_an_uploaded_tls_certificate_is_its_owner_s_to_renew_until_its_last_day(
    desk: Desk, now: datetime, other: Outside
) -> None:
    taken = await uploads.import_tls(desk, bundle(other.tls(now), *other.chain), None, None, now=now, actor="ada")
    assert not await serving.renew_leaf(desk, now=taken.not_after - timedelta(days=2))
    assert await serving.renew_leaf(desk, now=taken.not_after - timedelta(hours=23))
    assert not await issuers.is_uploaded(await issuers.active_row("tls"))
    assert (await Certificate.get(sha256=taken.sha256)).key_sealed is None
    assert await AuditEntry.filter(action="tls.removed", actor="clock", subject=taken.sha256).count() == 1


async def test_an_uploaded_tls_certificate_spares_a_new_service_ca_as_long_as_it_fits(
    desk: Desk, now: datetime, other: Outside
) -> None:
    def at(url: str) -> Settings:
        return desk.settings.model_copy(update={"public_url": url})

    moved = dataclasses.replace(desk, settings=at("https://mdm.example.test"))
    await Certificate.filter(purpose="root").update(key_sealed=None)
    data = bundle(other.tls(now, "mdm.example.test", "localhost"), *other.chain)
    await uploads.import_tls(moved, data, None, None, now=now, actor="ada")
    await ensure_service_ca(moved, now=now)
    assert await issuers.is_uploaded(await issuers.active_row("tls"))
    one = bundle(other.tls(now, "mdm.example.test"), *other.chain)
    await uploads.import_tls(moved, one, None, None, now=now, actor="ada")
    await ensure_service_ca(desk, now=now)
    assert not await issuers.is_uploaded(await issuers.active_row("tls"))
