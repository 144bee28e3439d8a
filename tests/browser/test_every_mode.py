"""From the mail to an enrolled Mac in every mode: a real browser shows the pages, a simulated Mac does its part."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from otae.invitations import mode_values
from otae.invitations.mode_values import ModeValues
from otae.rehearsal.connection import ServerResponse
from otae.store import database
from otae.store.mode_table import MODES
from otae.store.models import Person
from tests.desks import make_settings
from tests.flow.house import PASSWORD, PROFILE_TYPE, House, running, write_maker
from tests.servers import smtp
from tests.servers.ports import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

#: What the person reads in each language: at the form, at the download, at the end.
WORDS = {
    "en": {
        "password": "Password",
        "sign in": "Sign in",
        "start": "Start",
        "download": "Download profile",
        "again": "Check again",
        "end": "This Mac is enrolled",
    },
    "de": {
        "password": "Passwort",
        "sign in": "Anmelden",
        "start": "Beginnen",
        "download": "Profil laden",
        "again": "Noch einmal prüfen",
        "end": "Dieser Mac ist registriert",
    },
}
EVERY_MODE = [(mode, *how) for mode in MODES for how in (("en", True), ("de", False))]
THE_OTHERS = [("two_factor", "de", True), ("two_factor", "en", False)]


@pytest.fixture(scope="module")
async def shared_house(
    pristine_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[House]:
    """Run one installation for the tests of this module, with every mode switched on."""
    folder = tmp_path_factory.mktemp("every-mode")
    shutil.copy(pristine_sqlite, folder)
    maker, makers_file = write_maker(folder)
    more = {"PUBLIC_URL": f"https://localhost:{free_port()}", "OTAE_EXTRA_DEVICE_CA_FILE": str(makers_file)}
    with smtp.running() as server:
        async with running(make_settings(folder, **more), maker, server) as house:
            for mode in MODES:
                await mode_values.set_values(mode, ModeValues(enabled=True), now=await database.now(), actor="ada")
            yield house


class Clicks:
    """Counts the clicks of a person."""

    count = 0

    async def on(self, target: Locator) -> None:
        self.count += 1
        await target.click()


async def open_mail(page: Page, house: House, to: str) -> None:
    """Show the invitation's mail, as a mail program does."""
    await house.link_from_mail(to)
    bodies = (received.message.get_body(("html",)) for received in house.smtp.to(to))
    (mail,) = [text for body in bodies if body and "/zdm/su?e=" in (text := body.get_content())]
    await page.set_content(mail)


async def sign_in(page: Page, house: House, person: Person, mode: str, words: dict[str, str], clicks: Clicks) -> None:
    """Go from the mail to the install page; nothing is typed but what the mode asks for."""
    to = f"{person.name}@example.test"
    await open_mail(page, house, to)
    await clicks.on(page.locator("a[href*='/zdm/su?e=']").first)
    await page.wait_for_url("**/zdm/macos/otae/login")
    await expect(page.get_by_text(person.display_name).first).to_be_visible()
    if MODES[mode].authentication:
        await page.get_by_label(words["password"], exact=True).fill(PASSWORD)
    if MODES[mode].secret:
        await page.get_by_label("PIN", exact=True).fill(await house.pin_from_mail(to))
    asked = MODES[mode].authentication or MODES[mode].secret
    await clicks.on(page.get_by_role("button", name=words["sign in" if asked else "start"], exact=True))
    await page.wait_for_url("**/zdm/macos/otae/install")


@pytest.mark.parametrize(("mode", "language", "script"), EVERY_MODE + THE_OTHERS)
async def test_from_the_mail_to_enrolled_in_three_clicks(
    shared_house: House, browser: Browser, mode: str, language: str, *, script: bool
) -> None:
    house, words, clicks = shared_house, WORDS[language], Clicks()
    person = await house.person(f"{mode}.{language}.{script}".lower())
    await Person.filter(id=person.id).update(language=language)
    await house.invite(person.name, mode)
    context = await browser.new_context(
        ignore_https_errors=True, locale="en-GB", java_script_enabled=script, service_workers="block"
    )
    page = await context.new_page()
    await sign_in(page, house, person, mode, words, clicks)
    async with page.expect_download() as downloading:
        await clicks.on(page.get_by_role("link", name=words["download"]))
    content = (await (await downloading.value).path()).read_bytes()
    async with house.line() as line:
        mac = await house.mac(line)
        await mac.install(ServerResponse(200, PROFILE_TYPE, content, f"{house.url}/zdm/macos/otae/profile", {}))
        await mac.check_in()
    assert clicks.count == 3, "the link in the mail, the button of the form, the download"
    if not script:  # the page does not follow by itself
        await page.get_by_role("link", name=words["again"]).click()
    await expect(page.get_by_role("heading", name=words["end"], level=1)).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", language)
    await context.close()
