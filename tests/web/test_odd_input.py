"""What people paste, mistype and make up, at every door of the portal: it is answered in words and changes nothing."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode
from uuid import uuid4

import httpx2
import pytest

from otae import paths
from otae.accounts.administrators import create_administrator
from otae.branding import portal_texts
from otae.branding.portal_texts import TERMS_OF_USE
from otae.store import database, properties
from otae.store.models import EnrollmentSession, Invitation, Person
from tests.web.conftest import PASSWORD, Browser, Invite, Site
from tests.web.dump import dump
from tests.web.test_me import for_self_service, sign_in

pytestmark = pytest.mark.anyio

ODD = {
    "nothing": "",
    "a space": " ",
    "very long": "a" * 10_000,
    "NUL": "a\x00b",
    "turned around": "\u202ea\u2066b",
    "a lone surrogate": "a\ud800b",
    "lines": "a\r\nSet-Cookie: b=c\r\n",
    "markup": '"><script>alert(1)</script>',
    "full-width": "\uff22\uff23\uff24\uff26\uff27\uff28\uff2a\uff2b",
    "another alphabet": "\u0411\u0421\u0416\u0444\u0663\u0664",
    "no shape": "\u3164\u2800\ufeff",
    "a macro": "${enrollment.url}",
}


def raw(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


async def send(browser: Browser, path: object, sent: Mapping[str, bytes], *, follow: bool = False) -> httpx2.Response:
    """Send a form byte by byte as given."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return await browser.post(str(path), content=urlencode(sent).encode(), headers=kind, follow_redirects=follow)


@pytest.mark.parametrize("what", ODD)
async def test_odd_values_at_the_doors_of_the_portal_are_answered_in_words(
    site: Site, invite: Invite, what: str
) -> None:
    odd = raw(ODD[what])
    await invite("two_factor")
    await properties.write("enrollment.guess.network", "1000")
    before = await dump()
    doors = {
        paths.LANGUAGE: ["language"],
        paths.GO: ["code"],
        paths.GO_CODE: ["link"],
        paths.NEW_LINK: ["link", "again"],
        paths.LOGIN: ["link", "terms_of_use", "name"],
        paths.OBJECTION: [],
        paths.APPROVE: ["decision"],
        paths.ME_SIGN_IN: ["name"],
    }
    for path, fields in doors.items():
        query = urlencode({"t": odd, "a": odd, "mac": odd, "done": odd})
        answer = await send(site.client, f"{path}?{query}", dict.fromkeys(fields, odd))
        assert answer.status_code in {200, 303, 403, 404, 410, 422, 429}, (path, answer.status_code)
        assert "<script>alert" not in answer.text
        assert "set-cookie: b=c" not in str(answer.headers).lower()
    for name in ("__Host-otae-mac", "__Host-otae-code", "__Host-otae-link", "__Host-otae-language"):
        cookie = f"{name}=".encode() + odd.replace(b"\r\n", b" ").replace(b"\x00", b"0")
        async with site.stranger(Cookie=cookie) as cleo:
            for path in (paths.LOGIN, paths.GO, paths.INSTALL, paths.ME, paths.NOT_YOU, paths.NEW_LINK):
                assert (await cleo.get(path)).status_code in {200, 303}, (name, path)
    after = await dump()
    assert {table for table in before if before[table] != after[table]} <= {"counter"}


@pytest.mark.parametrize("what", ODD)
async def test_odd_values_of_who_is_signed_in_to_their_own_page_do_nothing(
    site: Site, invite: Invite, what: str
) -> None:
    odd = raw(ODD[what])
    made = await invite("two_factor")
    await for_self_service("username_pin")
    await sign_in(site.client)
    terms = await portal_texts.save(TERMS_OF_USE, "en", "Be kind.", now=await database.now(), actor="ada")
    assert terms
    before = await dump()
    for path, field in ((paths.ME_INVITE, "mode"), (paths.ME_START, "terms_of_use")):
        answer = await send(site.client, path, {field: odd}, follow=True)
        assert answer.status_code in {200, 422}, (path, answer.status_code)
        assert "<script>alert" not in answer.text
    for address in (paths.ME_RESEND, paths.ME_WITHDRAW):
        assert (await site.client.post(address(uuid4()), data={"id": str(made.invitation.id)})).status_code == 303
        quoted = "".join(f"%{each:02x}" for each in odd[:1000]) or "x"
        nowhere = address(made.invitation.id).replace(str(made.invitation.id), quoted)
        assert (await site.client.post(nowhere)).status_code == 404, nowhere
    after = await dump()
    assert {table for table in before if before[table] != after[table]} <= {"browser_session", "counter"}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("name", ["Sec-CH-UA-Platform-Version", "Accept-Encoding", "Referer"])
async def test_odd_headers_on_the_way_to_the_profile_are_overlooked(
    site: Site, invite: Invite, what: str, name: str
) -> None:
    value = raw(ODD[what]).replace(b"\r\n", b"\x85").replace(b"\x00", b"\x7f")
    made = await invite("username_password")
    await site.client.get(made.url)
    await site.client.post(paths.LOGIN, data={"name": "ben", "password": PASSWORD})
    for path in (paths.INSTALL, f"{paths.STATIC}/portal.css"):
        answer = await site.client.get(path, headers=[(b"Sec-CH-UA-Platform", b'"macOS"'), (name.encode(), value)])
        assert answer.status_code == 200, path
        assert "content-encoding" not in answer.headers or name != "Accept-Encoding"
    answer = await site.client.post(paths.LANGUAGE, data={"language": "de"}, headers=[(name.encode(), value)])
    assert answer.headers["location"] == paths.LOGIN


async def test_terms_that_change_while_many_accept_them_are_recorded_as_they_were_read(site: Site, ben: Person) -> None:
    now = await database.now()
    read = await portal_texts.save(TERMS_OF_USE, "en", "Be kind.", now=now, actor="ada")
    assert read
    entries = {"name": "ben", "password": PASSWORD, "terms_of_use": read.sha256}
    changed, answers = await asyncio.gather(
        portal_texts.save(TERMS_OF_USE, "en", "Be very kind.", now=now, actor="ada"),
        asyncio.gather(*(site.client.post(paths.LOGIN, data=entries) for _ in range(6))),
    )
    assert changed
    assert changed.version == 2
    assert {answer.status_code for answer in answers} <= {303, 422}
    opened = await EnrollmentSession.all()
    assert len(opened) == sum(answer.status_code == 303 for answer in answers)
    for session in opened:
        assert (session.terms_of_use_version, session.terms_of_use_sha256) == (1, read.sha256)
    assert (await site.client.post(paths.LOGIN, data=entries)).status_code == 422


async def test_who_presses_ten_times_at_once_is_answered_ten_times(site: Site, ben: Person, now: datetime) -> None:
    await for_self_service("username_pin")
    await sign_in(site.client)
    answers = await asyncio.gather(
        *(site.client.post(paths.ME_INVITE, data={"mode": "username_pin"}) for _ in range(10))
    )
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {(303, paths.ME)}
    assert await Invitation.all().count() == 2
    [one, _] = await Invitation.all()
    answers = await asyncio.gather(*(site.client.post(paths.ME_RESEND(one.id)) for _ in range(5)))
    answers += await asyncio.gather(*(site.client.post(paths.ME_WITHDRAW(one.id)) for _ in range(5)))
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {(303, paths.ME)}
    assert (await Invitation.get(id=one.id)).status == "revoked"


@pytest.mark.parametrize("what", ODD)
async def test_odd_values_in_the_console_are_answered_in_words(
    site: Site, invite: Invite, now: datetime, what: str
) -> None:
    odd = raw(ODD[what])
    made = await invite("two_factor")
    await create_administrator(site.desk, name="ada", password=PASSWORD, now=now, actor="command line")
    await site.client.post(paths.CONSOLE_SIGN_IN, data={"name": "ada", "password": PASSWORD})
    before = await dump()
    look = {"name": odd, "contact": odd, "accent": odd}
    for path, query in (
        (paths.BRANDING_PREVIEW, look),
        (paths.BRANDING_PREVIEW, look | {"part": b"mail"}),
        (paths.DESK, {"q": odd}),
        (paths.INVITATIONS, {"q": odd}),
    ):
        answer = await site.client.get(f"{path}?{urlencode(query)}")
        if path == paths.INVITATIONS and not odd:  # a list leaves out of its address what says nothing
            assert answer.headers["location"] == path
            answer = await site.client.get(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text
    refused = {"name": b"a" * 500, "contact": odd, "accent": b"#xyz"}
    for address, sent in (
        (paths.BRANDING, refused),
        (paths.BRANDING_TEXT("help", "en"), {"text": odd + b"\x00", "replacing": odd}),
        (paths.DESK_CONFIRM(uuid4()), {"form_id": odd}),
        (paths.APPROVAL(uuid4()), {"decision": odd, "seen": odd}),
        (paths.PROPERTY("mdm.rights.employee"), {"value": odd + b"\x00"}),
    ):
        answer = await send(site.client, address, sent, follow=True)
        assert answer.status_code in {200, 404, 422}, (address, answer.status_code)
        assert "<script>alert" not in answer.text
    after = await dump()
    assert {table for table in before if before[table] != after[table]} <= {"browser_session", "counter", "kept_text"}
    assert (await Invitation.get()).generation == made.invitation.generation
