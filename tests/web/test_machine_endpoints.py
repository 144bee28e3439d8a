"""The endpoints of Macs and machines: what they answer to what they cannot use, and in which words."""

import base64

import pytest

from otae.store.desk import Desk
from otae.store.models import Certificate
from tests.desks import make_settings
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/zdm/macos/otae/device", 400),
        ("POST", "/scep", 400),
        ("POST", "/scep?operation=PKIOperation", 400),
        ("GET", "/scep?operation=PKIOperation&message=AAAA", 400),
        ("GET", "/scep?operation=PKIOperation&message=%00%ff", 400),
        ("GET", "/scep", 400),
        ("GET", "/scep?operation=GetNextCACert", 400),
        ("POST", "/scep?operation=GetCACert", 400),
        ("PUT", "/mdm/checkin", 400),
        ("PUT", "/mdm/connect", 400),
    ],
)
async def test_garbage_gets_one_line_that_begins_with_a_code(site: Site, method: str, path: str, status: int) -> None:
    for body in (b"", b"garbage", b"\x30\x80" * 4, b"<?xml", b"bplist00"):
        answer = await site.client.request(method, path, content=body if method != "GET" else None)
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text.count("\n") == 1
        code = answer.text.split()[0]
        assert code == code.lower()
        assert code not in {"refused", "internal"}


@pytest.mark.parametrize("path", ["/zdm/macos/otae/device", "/scep"])
async def test_what_is_nested_too_deep_is_too_large(site: Site, path: str) -> None:
    answer = await site.client.post(path, content=b"\x30\x80" * 40)
    assert (answer.status_code, answer.text.split()[0]) == (413, "too-large")


async def test_scep_says_what_it_can_and_who_it_is(site: Site) -> None:
    capabilities = await site.client.get("/scep?operation=GetCACaps&message=any")
    assert capabilities.headers["content-type"].startswith("text/plain")
    assert {"POSTPKIOperation", "SHA-256", "AES", "Renewal"} <= set(capabilities.text.split("\n"))
    assert "\r" not in capabilities.text
    assert " " not in capabilities.text
    certificates = await site.client.get("/scep?operation=GetCACert")
    assert certificates.headers["content-type"] == "application/x-x509-ca-ra-cert"
    assert certificates.content[:1] == b"\x30"


async def test_base64_in_a_query_survives_what_clients_do_to_it(site: Site) -> None:
    der = bytes(range(256)) * 2
    plain = base64.b64encode(der).decode()
    url_safe = base64.urlsafe_b64encode(der).decode()
    answers = set()
    for text in (
        plain,
        plain.replace("=", "%3D"),
        plain.rstrip("="),
        url_safe,
        plain.replace("+", "%2B"),
        plain + "%0A",
    ):
        answer = await site.client.get(f"/scep?operation=PKIOperation&message={text}")
        answers.add((answer.status_code, answer.text.split()[0]))
    assert answers == {(400, "message-unreadable")}


async def test_revocation_lists_are_where_certificates_say(site: Site) -> None:
    issuer = await Certificate.get(purpose="device-ca")
    answer = await site.client.get(f"/crl/{issuer.id}.crl")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pkix-crl")
    for unknown in ("x", "00000000-0000-0000-0000-000000000000", f"{issuer.id}.crl"):
        assert (await site.client.get(f"/crl/{unknown}.crl")).status_code == 404


async def test_metrics_are_for_who_knows_the_bearer(site: Site, desk: Desk) -> None:
    assert (await site.client.get("/metrics")).status_code == 404
    known = Desk(make_settings(desk.settings.home, OTAE_METRICS_TOKEN="a long bearer"), desk.vault, desk.bell)
    site.app.state.desk = known
    for wrong in ("", "Bearer", "Bearer x", "a long bearer", "bearer a long bearer"):
        assert (await site.client.get("/metrics", headers={"Authorization": wrong})).status_code == 404
    answer = await site.client.get("/metrics", headers={"Authorization": "Bearer a long bearer"})
    assert answer.status_code == 200
    assert "otae_http_requests_total" in answer.text


async def test_files_are_kept_by_browsers_and_pages_are_not(site: Site) -> None:
    page = await site.client.get("/zdm/macos/otae/login")
    assert "/static/portal.css?v=" in page.text
    answer = await site.client.get("/static/portal.css")
    assert "immutable" in answer.headers["cache-control"]
    missing = await site.client.get("/static/nothing.css")
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
