"""Settings → Branding."""

import re
from html import escape, unescape

import httpx2
import pytest

from otae.branding import portal_texts
from otae.paths import (
    BRANDING,
    BRANDING_LOGO_REMOVE,
    BRANDING_LOGO_UPLOAD,
    BRANDING_PREVIEW,
    BRANDING_TEXT,
    LOGIN,
)
from otae.store import properties
from otae.store.models import AuditEntry, PortalText
from tests.branding.test_pictures import REFUSED, plain, written

pytestmark = pytest.mark.anyio

TERMS = BRANDING_TEXT("terms-of-use", "de")


async def test_name_and_contact_are_set_and_seen_on_the_portal(console: httpx2.AsyncClient) -> None:
    page = (await console.get(BRANDING)).text
    assert 'value="your IT department"' in page
    answer = await console.post(BRANDING, data={"name": "Größe & Co", "contact": "it@example.test"})
    assert (answer.status_code, answer.headers["location"]) == (303, BRANDING)
    assert await properties.word("support.contact") == "it@example.test"
    assert "<span>Größe &amp; Co</span>" in (await console.get(LOGIN)).text


async def test_a_refused_name_stands_beside_its_field_and_nothing_is_set(console: httpx2.AsyncClient) -> None:
    answer = await console.post(BRANDING, data={"name": "x" * 101, "contact": "it@example.test"})
    assert answer.status_code == 422
    assert "Name: use 1 to 100 characters in one line" in answer.text
    assert await properties.word("support.contact") == "your IT department"


async def test_a_text_is_written_in_a_language_and_its_versions_are_listed(console: httpx2.AsyncClient) -> None:
    assert "There is none yet." in (await console.get(TERMS)).text
    for number, text in enumerate(("Erste Fassung.", "Zweite <Fassung>."), 1):
        answer = await console.post(TERMS, data={"text": text, "replacing": str(number - 1)})
        assert (answer.status_code, answer.headers["location"]) == (303, BRANDING)
    page = (await console.get(TERMS)).text
    assert 'name="replacing" value="2"' in page
    assert "Erste Fassung." in page
    assert "Zweite &lt;Fassung&gt;." in page
    assert "version 2" in (await console.get(BRANDING)).text
    kept = await AuditEntry.filter(actor="ada", action="terms-of-use.changed").count()
    assert kept == 2


async def test_an_empty_text_takes_it_away(console: httpx2.AsyncClient) -> None:
    await console.post(TERMS, data={"text": "Erste Fassung.", "replacing": "0"})
    await console.post(TERMS, data={"text": "", "replacing": "1"})
    assert await portal_texts.shown("terms-of-use") == {}
    assert await PortalText.all().count() == 1


async def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(console: httpx2.AsyncClient) -> None:
    await console.post(TERMS, data={"text": "Erste Fassung.", "replacing": "0"})
    for replacing in ("0", "x", "\u00b2", "9" * 5000):
        answer = await console.post(TERMS, data={"text": "Meine Fassung.", "replacing": replacing})
        assert answer.status_code == 422
        assert "somebody else changed this text meanwhile" in answer.text
        assert "Meine Fassung." in answer.text, "what was typed is not lost"


async def test_a_text_of_the_longest_size_fits_the_form(console: httpx2.AsyncClient) -> None:
    answer = await console.post(TERMS, data={"text": "é" * 8 * 1024, "replacing": "0"})
    assert answer.status_code == 303


@pytest.mark.parametrize("address", [BRANDING_TEXT("imprint", "de"), BRANDING_TEXT("help", "tlh")])
async def test_there_are_no_other_texts(console: httpx2.AsyncClient, address: str) -> None:
    assert (await console.get(address)).status_code == 404
    assert (await console.post(address, data={"text": "x"})).status_code == 404


async def upload(console: httpx2.AsyncClient, theme: str, data: bytes, name: str = "logo.png") -> httpx2.Response:
    return await console.post(BRANDING_LOGO_UPLOAD(theme), files={f"{theme}-file": (name, data, "image/png")})


async def test_a_logo_is_uploaded_seen_on_the_portal_and_removed(console: httpx2.AsyncClient) -> None:
    answer = await upload(console, "light", written(plain()))
    assert (answer.status_code, answer.headers["location"]) == (303, BRANDING)
    page = (await console.get(LOGIN)).text
    assert '<div class="otae-logo">' in page
    [address] = re.findall(r'<link rel="stylesheet" href="(/zdm/[^"]+)"', page)
    sheet = await console.get(address)
    assert sheet.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in sheet.headers["cache-control"]
    [image] = set(re.findall(r"url\(([^)]+)\)", sheet.text))
    picture = await console.get(image)
    assert picture.headers["content-type"] == "image/png"
    assert "immutable" in picture.headers["cache-control"]
    assert image in (await console.get(BRANDING)).text
    assert (await console.post(BRANDING_LOGO_REMOVE("light"))).status_code == 303
    assert '<div class="otae-logo">' not in (await console.get(LOGIN)).text
    for gone in (address, image):
        answer = await console.get(gone)
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


async def test_a_refused_logo_says_why_beside_its_field(console: httpx2.AsyncClient) -> None:
    answer = await upload(console, "dark", b"<svg/>", '"><b>.svg')
    assert answer.status_code == 422
    assert 'id="dark-file-errors"' in answer.text
    assert "Picture: is no PNG or JPEG file" in answer.text
    assert "<b>" not in answer.text
    assert "no PNG or JPEG" in (await console.post(BRANDING_LOGO_UPLOAD("dark"), data={})).text
    bomb = await upload(console, "dark", REFUSED["bomb"][0])
    assert (bomb.status_code, "more than 8 million pixels" in bomb.text) == (422, True)
    assert (await upload(console, "sepia", written(plain()))).status_code == 404


async def test_a_colour_is_set_and_one_that_is_too_light_refused(console: httpx2.AsyncClient) -> None:
    named = {"name": "Example", "contact": "it@example.test"}
    answer = await console.post(BRANDING, data=named | {"accent": "#FFCC00"})
    assert answer.status_code == 422
    assert "#ffcc00 is too light: white text on it has a contrast of 1.5 to 1, and 4.5 is needed" in answer.text
    assert await properties.word("organization.name") == "otae"
    assert (await console.post(BRANDING, data=named | {"accent": "#7A0000"})).status_code == 303
    assert await properties.word("branding.accent") == "#7a0000"
    page = (await console.get(LOGIN)).text
    [address] = re.findall(r'<link rel="stylesheet" href="(/zdm/[^"]+)"', page)
    assert "--accent:#7a0000" in (await console.get(unescape(address))).text
    assert (await console.post(BRANDING, data=named | {"accent": ""})).status_code == 303
    assert "/brand/" not in (await console.get(LOGIN)).text


async def test_the_preview_shows_what_is_entered_and_stores_nothing(console: httpx2.AsyncClient) -> None:
    shown = await console.get(BRANDING_PREVIEW(name="Größe & Co", contact="x" * 101, accent="#7a0000"))
    assert "<span>Größe &amp; Co</span>" in shown.text
    assert "your IT department" in shown.text, "what is not allowed stays as it is"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert shown.headers["x-frame-options"] == "SAMEORIGIN"
    [address] = re.findall(r'<link rel="stylesheet" href="(/zdm/[^"]+)"', shown.text)
    assert "--accent:#7a0000" in (await console.get(unescape(address))).text
    assert await properties.word("organization.name") == "otae"
    assert (
        f'src="{escape(BRANDING_PREVIEW(name="otae", contact="your IT department"))}"'
        in (await console.get(BRANDING)).text
    )


async def test_the_preview_shows_the_mail_with_what_is_entered_and_the_logo(console: httpx2.AsyncClient) -> None:
    await upload(console, "light", written(plain()))
    entered = {"name": "Größe & Co", "contact": "it@example.test", "accent": "#7a0000"}
    shown = await console.get(BRANDING_PREVIEW(part="mail", **entered))
    assert "Größe &amp; Co" in shown.text
    assert "background-color:#7a0000" in shown.text
    assert '<img src="data:image/png;base64,' in shown.text
    assert "${" not in shown.text
    policy = shown.headers["content-security-policy"]
    assert "sandbox;" in policy
    assert "img-src data:;" in policy
