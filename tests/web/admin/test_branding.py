"""Settings → Branding."""

import httpx2
import pytest

from otae.branding import portal_texts
from otae.paths import BRANDING, BRANDING_TEXT, LOGIN
from otae.store import properties
from otae.store.models import AuditEntry, PortalText

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
    answer = await console.post(TERMS, data={"text": "Meine Fassung.", "replacing": "0"})
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
