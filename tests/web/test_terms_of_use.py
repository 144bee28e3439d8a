"""The terms of use on the sign-in page: folded, with a tick, and shown again when they changed."""

import re

import pytest

from otae.branding import portal_texts
from otae.branding.portal_texts import TERMS_OF_USE
from otae.paths import INSTALL, LOGIN
from otae.store import database
from otae.store.models import EnrollmentSession
from tests.web.conftest import PASSWORD, Invite, Site

pytestmark = pytest.mark.anyio


async def terms(text: str, language: str = "en") -> str:
    saved = await portal_texts.save(TERMS_OF_USE, language, text, now=await database.now(), actor="ada")
    assert saved
    return saved.sha256


def tick(page: str) -> str:
    """Return the check box of the terms, "" where a page has none."""
    found = re.search(r'<input [^>]*name="terms_of_use"[^>]*>', page)
    return found[0] if found else ""


async def test_a_page_without_terms_has_no_tick(site: Site) -> None:
    assert tick((await site.client.get(LOGIN)).text) == ""


@pytest.mark.parametrize("mode", ["username_password", "username_pin", "high_security"])
async def test_the_terms_are_accepted_with_the_sign_in(site: Site, invite: Invite, mode: str) -> None:
    sha256, made = await terms("Be kind.\n\nSee https://example.test/rules <b>now</b>"), await invite(mode)
    page = (await site.client.get(made.url, follow_redirects=True)).text
    assert "Terms of use of otae" in page
    assert '<a href="https://example.test/rules"' in page
    assert "<b>now" not in page
    assert f'value="{sha256}" required' in tick(page)
    assert "<details>\n    <summary>Terms of use" in page, "folded"
    entries = {"name": "ben", "password": PASSWORD, "pin": made.pin or ""}
    refused = await site.client.post(LOGIN, data=entries)
    assert refused.status_code == 422
    assert "Please read and accept the terms of use." in refused.text
    assert 'aria-describedby="terms_of_use-errors"' in tick(refused.text)
    answer = await site.client.post(LOGIN, data=entries | {"terms_of_use": sha256})
    assert (answer.status_code, answer.headers["location"]) == (303, INSTALL)
    assert (await EnrollmentSession.get()).terms_of_use_sha256 == sha256


async def test_terms_that_changed_meanwhile_are_shown_again_with_a_word(site: Site, invite: Invite) -> None:
    read, made = await terms("Be kind."), await invite("username_password")
    await site.client.get(made.url, follow_redirects=True)
    changed = await terms("Be very kind.")
    answer = await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD, "terms_of_use": read})
    assert answer.status_code == 422
    assert "The terms of use have changed since you read them." in answer.text
    assert "Be very kind." in answer.text
    assert "<details open>\n    <summary>Terms of use" in answer.text
    assert changed in tick(answer.text)
    assert "checked" not in tick(answer.text)


async def test_a_tick_stays_when_something_else_was_wrong(site: Site, invite: Invite) -> None:
    sha256, made = await terms("Be kind."), await invite("username_password")
    await site.client.get(made.url, follow_redirects=True)
    answer = await site.client.post(LOGIN, data={"name": "ben", "password": "wrong", "terms_of_use": sha256})
    assert answer.status_code == 422
    assert "checked" in tick(answer.text)


async def test_the_terms_are_in_the_page_s_language_where_there_are_some(site: Site) -> None:
    await terms("Be kind.")
    await terms("Seien Sie freundlich.", "de")
    for wanted, text in (("de", "Seien Sie freundlich."), ("fr", "Be kind."), ("en", "Be kind.")):
        page = await site.client.get(LOGIN, headers={"Accept-Language": wanted})
        assert text in page.text


async def test_the_help_text_stands_below_every_page_of_the_portal(site: Site, invite: Invite) -> None:
    await portal_texts.save("help", "en", "Call 100 <i>now</i>", now=await database.now(), actor="ada")
    for address in (LOGIN, f"{LOGIN}?e=ep-unknown", "/zdm/macos/otae/nothing-here"):
        page = (await site.client.get(address, follow_redirects=True)).text
        assert "Help from otae" in page
        assert "Call 100 &lt;i&gt;now" in page
