"""Settings → Push certificate."""

from datetime import datetime

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from otae.authority import push
from otae.signing.certificates import new_key
from otae.store.models import AuditEntry
from tests.authority.pushed import TOPIC, as_pkcs12, key_pem, push_certificate
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

UPLOAD = "/admin/push/upload"
KEY = new_key()
EMPTY = ("", b"", "application/octet-stream")
Files = dict[str, tuple[str, bytes, str]]


def chosen(file: bytes, key: bytes = b"") -> Files:
    """Send what a browser sends: both fields, an empty file where none was chosen."""
    kind = "application/octet-stream"
    return {
        "file": ("push.pem", file, kind) if file else EMPTY,
        "key": ("key.pem", key, kind) if key else EMPTY,
    }


async def test_a_trial_is_told_what_the_absence_means(console: httpx2.AsyncClient) -> None:
    text = (await console.get("/admin/push")).text
    assert "This is a trial" in text
    assert "generated topic" in text


async def test_elsewhere_the_absence_means_not_ready(site: Site, console: httpx2.AsyncClient) -> None:
    settings = site.desk.settings.model_copy(update={"public_url": "https://mdm.example.test"})
    assert not settings.trial
    object.__setattr__(site.desk, "settings", settings)
    assert "no Mac can enroll yet" in (await console.get("/admin/push")).text


async def test_certificate_and_key_are_taken(console: httpx2.AsyncClient, now: datetime) -> None:
    keyed = push_certificate(KEY, now=now)
    pem = keyed.certificate.public_bytes(Encoding.PEM)
    answer = await console.post(UPLOAD, data={"password": ""}, files=chosen(pem, key_pem(KEY)))
    assert answer.status_code == 303
    text = (await console.get("/admin/push")).text
    assert TOPIC in text
    assert "days left" in text
    assert await AuditEntry.filter(actor="ada", action="push.imported").count() == 1


async def test_a_wrong_password_stands_beside_its_field_and_is_not_repeated(
    console: httpx2.AsyncClient, now: datetime
) -> None:
    bundle = as_pkcs12(push_certificate(KEY, now=now), "sesame")
    refused = await console.post(UPLOAD, data={"password": "open barley"}, files=chosen(bundle))
    assert refused.status_code == 422
    assert 'id="password-errors"' in refused.text
    assert "open barley" not in refused.text
    assert (await console.post(UPLOAD, data={"password": "sesame"}, files=chosen(bundle))).status_code == 303


async def test_refused_files_stand_beside_their_fields(console: httpx2.AsyncClient, now: datetime) -> None:
    pem = push_certificate(KEY, now=now).certificate.public_bytes(Encoding.PEM)
    for files, field in ((chosen(b""), "file"), (chosen(b"<b>garbage"), "file"), (chosen(pem), "key")):
        refused = await console.post(UPLOAD, data={"password": ""}, files=files)
        assert refused.status_code == 422
        assert f'id="{field}-errors"' in refused.text
    assert await push.show_push(now=now) is None


async def test_reloading_the_refused_page_shows_the_form_again(console: httpx2.AsyncClient) -> None:
    assert (await console.get(UPLOAD)).status_code == 200
