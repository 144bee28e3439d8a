"""Settings → Certificates: what an administrator does to them."""

import hashlib
from datetime import datetime, timedelta

import httpx2
import pytest

from otae.authority import issuers, root
from otae.store.models import AuditEntry, Certificate, EnrollmentSession, Person
from otae.web.admin.settings import issued_certificates
from tests.authority.outside import as_pkcs12, bundle, outside
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

PAGE = "/admin/certificates"
PASSPHRASE = "correct horse battery"
Files = dict[str, tuple[str, bytes, str]]


def file(data: bytes) -> Files:
    return {"file": ("chosen", data, "application/octet-stream")}


@pytest.fixture
async def certificate(site: Site, now: datetime) -> Certificate:
    """Reserve a certificate for Ben's Mac."""
    ben, _ = await Person.get_or_create(defaults={"display_name": "Ben", "created_at": now}, name="ben")
    session = EnrollmentSession(
        person_id=ben.id,
        mode="two_factor",
        ownership="corporate",
        way="ota",
        udid="564D4B6E",
        serial="C02LAB00BEN",
        opened_at=now,
        expires_at=now,
    )
    await session.save()
    return await issuers.reserve("mdm-identity", common_name="x", session=session, now=now)


async def test_the_device_authority_is_rotated_and_its_list_can_be_fetched(
    site: Site, console: httpx2.AsyncClient
) -> None:
    former = await issuers.active_row("device-ca")
    assert (await console.post(f"{PAGE}/rotate")).status_code == 303
    text = (await console.get(PAGE)).text
    for row in (former, await issuers.active_row("device-ca")):
        assert f'href="/crl/{row.id}.crl"' in text
        assert (await site.client.get(f"/crl/{row.id}.crl")).status_code == 200
    assert await AuditEntry.filter(action="ca.rotated", actor="ada").count() == 1


async def test_without_the_root_key_the_way_to_bring_it_back_is_shown(console: httpx2.AsyncClient) -> None:
    await Certificate.filter(purpose="root").update(key_sealed=None)
    answer = await console.post(f"{PAGE}/rotate")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/root-key")
    text = (await console.get(f"{PAGE}/root-key")).text
    assert "Restore the root’s key first" in text
    assert f'action="{PAGE}/root-key/return/upload"' in text


async def test_what_ends_within_thirty_days_stands_on_top(console: httpx2.AsyncClient, now: datetime) -> None:
    assert "To renew" not in (await console.get(PAGE)).text
    await Certificate.filter(purpose="service-ca").update(not_after=now + timedelta(days=29, hours=1))
    text = (await console.get(PAGE)).text
    assert "To renew" in text
    assert "Service authority: " in text


@pytest.mark.parametrize("what", ["signer", "tls"])
async def test_an_own_certificate_is_used_shown_and_removed(
    console: httpx2.AsyncClient, now: datetime, what: str
) -> None:
    other = outside(now)
    keyed = other.signer(now) if what == "signer" else other.tls(now)
    assert (await console.get(f"{PAGE}/{what}/upload")).status_code == 200
    refused = await console.post(f"{PAGE}/{what}/upload", data={"password": ""}, files=file(bundle(keyed)))
    assert refused.status_code == 422
    assert 'id="file-errors"' in refused.text
    assert "not complete" in refused.text
    sealed = as_pkcs12(keyed, other.chain, "open sesame")
    wrong = await console.post(f"{PAGE}/{what}/upload", data={"password": "open barley"}, files=file(sealed))
    assert 'id="password-errors"' in wrong.text
    assert "open barley" not in wrong.text
    taken = await console.post(f"{PAGE}/{what}/upload", data={"password": "open sesame"}, files=file(sealed))
    assert taken.status_code == 303
    text = (await console.get(PAGE)).text
    assert f'action="{PAGE}/{what}/remove"' in text
    assert (await console.post(f"{PAGE}/{what}/remove")).status_code == 303
    assert f'action="{PAGE}/{what}/remove"' not in (await console.get(PAGE)).text
    assert (await console.post(f"{PAGE}/{what}/remove")).status_code == 303
    assert "no uploaded certificate" in (await console.get(PAGE)).text


async def test_no_file_is_a_refusal_beside_the_field(console: httpx2.AsyncClient) -> None:
    none = {"file": ("", b"", "application/octet-stream")}
    for path in ("signer/upload", "tls/upload", "root-key/remove/upload", "root-key/return/upload"):
        refused = await console.post(f"{PAGE}/{path}", data={"passphrase": ""}, files=none)
        assert refused.status_code == 422, path
        assert (await console.get(f"{PAGE}/{path}")).status_code == 200


async def test_the_root_key_is_exported_removed_and_brought_back(site: Site, console: httpx2.AsyncClient) -> None:
    export = f"{PAGE}/root-key/export"
    short = await console.post(export, data={"new_passphrase": "short", "again": "short"})
    assert short.status_code == 422
    assert 'id="new_passphrase-errors"' in short.text
    differs = await console.post(export, data={"new_passphrase": PASSPHRASE, "again": "another passphrase"})
    assert 'id="again-errors"' in differs.text
    assert PASSPHRASE not in differs.text
    answer = await console.post(export, data={"new_passphrase": PASSPHRASE, "again": PASSPHRASE})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="otae-root-key.pem"'
    assert await root.check_export(answer.content, PASSPHRASE) == hashlib.sha256(answer.content).hexdigest()
    remove, back = f"{PAGE}/root-key/remove/upload", f"{PAGE}/root-key/return/upload"
    wrong = await console.post(remove, data={"passphrase": "something else"}, files=file(answer.content))
    assert 'id="passphrase-errors"' in wrong.text
    assert (await issuers.active_row("root")).key_sealed is not None
    told, data = {"passphrase": PASSPHRASE}, file(answer.content)
    assert (await console.post(remove, data=told, files=data)).status_code == 303
    assert (await issuers.active_row("root")).key_sealed is None
    assert "Its key is not on this server" in (await console.get(PAGE)).text
    assert (await console.post(back, data=told, files=data)).status_code == 303
    await issuers.keyed(site.desk, "root")


async def test_certificates_of_macs_are_found_and_filtered(
    console: httpx2.AsyncClient, certificate: Certificate
) -> None:
    where = f"{PAGE}/issued/{certificate.id}"
    for query in ("", "?q=c02lab", "?q=ben", "?state=reserved", f"?q={certificate.serial_number}"):
        assert where in (await console.get(f"{PAGE}/issued{query}")).text, query
    for query in ("?q=cleo", "?state=revoked"):
        text = (await console.get(f"{PAGE}/issued{query}")).text
        assert where not in text
        assert "No certificate found" in text
    assert (await console.get(f"{PAGE}/issued?state=nonsense&after=x&q=%00")).status_code == 200


async def test_nothing_issued_yet_says_so(console: httpx2.AsyncClient) -> None:
    assert "No Mac has a certificate yet" in (await console.get(f"{PAGE}/issued")).text


async def test_the_list_goes_on_on_a_next_page(
    console: httpx2.AsyncClient, certificate: Certificate, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    session = await EnrollmentSession.get(id=certificate.session_id)
    other = await issuers.reserve("ota-identity", common_name="x", session=session, now=now + timedelta(seconds=1))
    monkeypatch.setattr(issued_certificates, "PAGE", 1)
    first = (await console.get(f"{PAGE}/issued")).text
    assert (str(other.id) in first, f"issued/{certificate.id}" in first) == (True, False)
    assert f"after={other.id}" in first
    assert f"issued/{certificate.id}" in (await console.get(f"{PAGE}/issued?after={other.id}")).text


async def test_a_certificate_is_revoked_with_a_reason(
    console: httpx2.AsyncClient, certificate: Certificate, now: datetime
) -> None:
    where = f"{PAGE}/issued/{certificate.id}"
    assert "C02LAB00BEN" in (await console.get(where)).text
    assert (await console.post(f"{where}/revoke", data={"reason": "boredom"})).status_code == 422
    assert (await console.post(f"{where}/revoke", data={"reason": "keyCompromise"})).status_code == 303
    await certificate.refresh_from_db()
    assert (certificate.state, certificate.revocation_reason) == ("revoked", "keyCompromise")
    text = (await console.get(where)).text
    assert "lost or stolen" in text
    assert f'action="{where}/revoke"' not in text
    assert await AuditEntry.filter(action="certificate.revoked", actor="ada").count() == 1


async def test_our_own_certificates_cannot_be_revoked_there(console: httpx2.AsyncClient) -> None:
    ours = await issuers.active_row("ra")
    assert (await console.get(f"{PAGE}/issued/{ours.id}")).status_code == 404
    answer = await console.post(f"{PAGE}/issued/{ours.id}/revoke", data={"reason": "unspecified"})
    assert answer.status_code == 404
